package process

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listening returns the addresses on which a process and its descendants accept
// TCP connections, as ":8080" for all or "127.0.0.1:8080" for one (proc(5),
// /proc/pid/net/tcp). seen is false when the process does not let itself be
// looked at.
func listening(pid int) (addresses []string, seen bool) {
	if _, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err != nil {
		return nil, false
	}
	inodes := map[string]bool{}
	for _, p := range append(descendants(pid), pid) {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p)) // the pattern is well-formed
		for _, link := range links {
			target, err := os.Readlink(link)
			if inode, found := strings.CutPrefix(target, "socket:["); err == nil && found {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err == nil {
			addresses = append(addresses, listeners(data, inodes)...)
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), true
}

// listeners reads a table of sockets and returns those that listen and have one
// of the inodes.
func listeners(table []byte, inodes map[string]bool) []string {
	const stateListen = "0A"
	var found []string
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != stateListen || !inodes[fields[9]] {
			continue
		}
		if address, ok := decodeAddress(fields[1]); ok {
			found = append(found, address)
		}
	}
	return found
}

// decodeAddress turns the kernel's "0100007F:1F90" into "127.0.0.1:8080". The
// address is in words of four bytes in the machine's order (little-endian, as
// all machines are that davit is built for), the port is not.
func decodeAddress(text string) (string, bool) {
	address, port, found := strings.Cut(text, ":")
	ip, err := hex.DecodeString(address)
	if !found || err != nil || (len(ip) != net.IPv4len && len(ip) != net.IPv6len) {
		return "", false
	}
	for word := 0; word < len(ip); word += 4 {
		slices.Reverse(ip[word : word+4])
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return "", false
	}
	host := net.IP(ip).String()
	if net.IP(ip).IsUnspecified() {
		host = ""
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10)), true
}

// descendants returns the children of a process, and theirs.
func descendants(pid int) []int {
	var all []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well-formed
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(data)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(append(all, child), descendants(child)...)
			}
		}
	}
	return all
}
