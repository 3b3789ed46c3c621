package scoring

import "fmt"

// decodeBase64 decodes in place as Python's base64.decodebytes does (binascii.a2b_base64):
// what is no character of the alphabet is skipped, and padding must be there.
func decodeBase64(text []byte) (decoded []byte, ok bool) {
	decoded = text[:0]
	var quad uint32
	at, pads := 0, 0
	for _, c := range text {
		if c == '=' {
			if pads++; at >= 2 && at+pads >= 4 {
				return decoded, true // whatever follows
			}
			continue
		}
		v := base64Values[c]
		if v < 0 {
			continue
		}
		pads = 0
		quad = quad<<6 | uint32(v)
		switch at++; at {
		case 2:
			decoded = append(decoded, byte(quad>>4))
		case 3:
			decoded = append(decoded, byte(quad>>2))
		case 4:
			decoded = append(decoded, byte(quad))
			at = 0
		}
	}
	return decoded, at == 0
}

var base64Values = func() (values [256]int8) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range values {
		values[i] = -1
	}
	for i := range len(alphabet) {
		values[alphabet[i]] = int8(i)
	}
	return values
}()

// base64Fault is what Python says of a text that decodeBase64 refuses.
func base64Fault(text string) string {
	n := 0
	for i := range len(text) {
		if base64Values[text[i]] >= 0 {
			n++
		}
	}
	if n%4 == 1 {
		return fmt.Sprintf("Invalid base64-encoded string: number of data characters (%d) cannot be 1 more than a multiple of 4", n)
	}
	return "Incorrect padding"
}
