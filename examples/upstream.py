"""A plain program behind `countersign origin --upstream http://127.0.0.1:3000`. It gets only verified events, which are stored until done.

Other programs on this machine can connect too. If you do not trust all of them, verify the assertion: examples/receivers/python.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hooks(BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(json.dumps({"path": self.path, "attempt": self.headers["Countersign-Attempt"], "event": event}), flush=True)
        self.send_response(204)  # 2xx means done, 410 never again, and any other status again later
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Hooks)
print(f"listening at http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
