package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
)

// longest bounds an answer up to its content, in bytes, with all that comes
// before the final one.
const longest = 64 << 10

// answer is the first line of an answer.
type answer struct {
	status int
	text   string // with the status: "200 OK"
}

// get makes a request and returns the answer, when its header is there as a
// whole (RFC 9112). What follows it is not read.
func get(conn net.Conn, host, path string) (answer, error) {
	request := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: davit-health\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return answer{}, err
	}
	return readAnswer(conn)
}

func readAnswer(r io.Reader) (answer, error) {
	limited := &io.LimitedReader{R: r, N: longest}
	found, err := readFinal(bufio.NewReaderSize(limited, 1<<10))
	if err != io.EOF { //nolint:errorlint // as bufio returns it
		return found, err
	}
	if limited.N == 0 {
		return answer{}, errors.New("the header of the answer is longer than " + strconv.Itoa(longest) + " bytes")
	}
	return answer{}, errors.New("the connection ended before the answer did")
}

// readFinal reads answers up to the first that is not an interim one (RFC 9110,
// 15.2). 101 is final, since nobody asked for another protocol.
func readFinal(lines *bufio.Reader) (answer, error) {
	for {
		line, err := readLine(lines)
		if err != nil {
			return answer{}, err
		}
		found, ok := parseStatusLine(line)
		if !ok {
			return answer{}, errors.New("the answer is not HTTP/1: " + shortened(line))
		}
		if err := skipFields(lines); err != nil {
			return answer{}, err
		}
		if found.status >= 200 || found.status == 101 {
			return found, nil
		}
	}
}

func skipFields(lines *bufio.Reader) error {
	for first := true; ; first = false {
		line, err := readLine(lines)
		if err != nil || line == "" {
			return err
		}
		folded := line[0] == ' ' || line[0] == '\t' // continues the line before (RFC 9112, 5.2)
		if folded && first || !folded && !strings.Contains(line, ":") {
			return errors.New("the answer has a header line that is none: " + shortened(line))
		}
	}
}

func readLine(lines *bufio.Reader) (string, error) {
	line, err := lines.ReadString('\n')
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(line[:len(line)-1], "\r"), nil
}

// parseStatusLine reads "HTTP/1.1 200 OK". As net/http it takes more spaces than
// one, and no words.
func parseStatusLine(line string) (found answer, ok bool) {
	version, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimLeft(rest, " ")
	digits, _, _ := strings.Cut(rest, " ")
	for _, digit := range []byte(digits) {
		if digit < '0' || digit > '9' {
			return answer{}, false
		}
	}
	status, err := strconv.Atoi(digits)
	if err != nil || !isHTTP1(version) || len(digits) != 3 || status < 100 {
		return answer{}, false
	}
	return answer{status: status, text: strings.Trim(shortened(rest), `"`)}, true
}

func isHTTP1(version string) bool {
	minor := strings.TrimPrefix(version, "HTTP/1.")
	return minor != version && len(minor) == 1 && minor[0] >= '0' && minor[0] <= '9'
}

// shortened is for messages, which are one line of what can be read.
func shortened(line string) string {
	const most = 60
	if len(line) > most {
		line = line[:most] + "…"
	}
	return strconv.Quote(line)
}
