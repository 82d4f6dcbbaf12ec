// Runs every case of vectors/assertion.json through the receiver. Usage: go run . [FILE]

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
)

type testCase struct {
	Name, Expect, Reason, Method, Target string
	Now                                  int64
	Headers                              []Header
	Body                                 string
	BodyBase64                           []byte
	Signed                               []Header
}

func main() {
	file := "../../../vectors/assertion.json"
	if len(os.Args) > 1 {
		file = os.Args[1]
	}
	var vectors struct {
		Issuer, Audience string
		Jwks             json.RawMessage
		Cases            []testCase
	}
	text, err := os.ReadFile(file)
	orEnd(err)
	orEnd(json.Unmarshal(text, &vectors))
	keys, err := ReadKeys(vectors.Jwks)
	orEnd(err)
	seen := map[[2]string]bool{}
	remember := func(issuer, jti string, _ int64) bool {
		id := [2]string{issuer, jti}
		isNew := !seen[id]
		seen[id] = true
		return isNew
	}
	receiver := &Receiver{Issuer: vectors.Issuer, Audience: vectors.Audience, Keys: keys, Remember: remember}
	wrong := 0
	for _, one := range vectors.Cases {
		verdict, reason, signed := judge(receiver, one)
		mark := "ok   "
		if verdict != one.Expect || reason != one.Reason || !reflect.DeepEqual(signed, mapOf(one.Signed)) {
			mark = "WRONG"
			wrong++
		}
		fmt.Println(mark, verdict, reason, "|", one.Name)
	}
	fmt.Printf("%d passed, %d failed\n", len(vectors.Cases)-wrong, wrong)
	if len(vectors.Cases) == 0 || wrong > 0 {
		os.Exit(1)
	}
}

func judge(receiver *Receiver, one testCase) (verdict, reason string, signed map[string]string) {
	body := []byte(one.Body)
	if one.BodyBase64 != nil {
		body = one.BodyBase64
	}
	request := Request{one.Method, one.Target, one.Headers, func() ([]byte, error) { return body, nil }}
	event, err := receiver.Verify(request, one.Now)
	if err != nil {
		return "reject", err.Error(), nil
	}
	return "accept", "", event.Headers
}

func mapOf(headers []Header) (values map[string]string) {
	for _, header := range headers {
		if values == nil {
			values = map[string]string{}
		}
		values[header[0]] = header[1]
	}
	return values
}

func orEnd(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
