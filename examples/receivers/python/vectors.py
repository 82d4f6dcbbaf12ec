"""Runs every case of vectors/assertion.json through the receiver. Usage: python3 vectors.py [FILE]"""

import base64
import json
import pathlib
import sys

from receiver import Receiver, Refused

FILE = pathlib.Path(__file__).parents[3] / "vectors/assertion.json"


def main(file):
    with open(file, encoding="utf-8") as text:
        vectors = json.load(text)
    seen = set()

    def remember(issuer, jti, _until):
        known = (issuer, jti) in seen
        seen.add((issuer, jti))
        return not known

    receiver = Receiver(vectors["issuer"], vectors["audience"], vectors["jwks"], remember)
    wrong = 0
    for case in vectors["cases"]:
        *verdict, signed = judge(receiver, case)
        is_right = verdict == [case["expect"], case.get("reason", "")] and signed == dict(case.get("signed", []))
        wrong += not is_right
        print("ok   " if is_right else "WRONG", *verdict, "|", case["name"])
    print(f"{len(vectors['cases']) - wrong} passed, {wrong} failed")
    return 0 if vectors["cases"] and wrong == 0 else 1


def judge(receiver, case):
    body = base64.b64decode(case["bodyBase64"]) if "bodyBase64" in case else case["body"].encode()
    try:
        _, signed, _ = receiver.verify(case["method"], case["target"], case["headers"], lambda: body, case["now"])
        return "accept", "", signed
    except Refused as refused:
        return "reject", refused.code, {}


sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else FILE))
