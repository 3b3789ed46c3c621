package trace

import (
	"net"
	"strconv"
	"strings"
)

// maxText bounds an attribute: a client may send a header of many kilobytes.
const maxText = 1024

// valid is text that protobuf takes, at most maxText bytes of it.
func valid(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(s, "�")
}

// splitHost takes a Host header apart; ok is false where it has no port.
func splitHost(hostPort string) (host string, port int, ok bool) {
	host, digits, err := net.SplitHostPort(hostPort)
	if err != nil {
		return "", 0, false
	}
	port, err = strconv.Atoi(digits)
	return host, port, err == nil
}
