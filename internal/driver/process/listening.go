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
	"strings"
)

// listening returns the addresses on which a process and its children accept
// TCP connections, as ":8080" or "127.0.0.1:8080" (proc(5), /proc/pid/net/tcp).
func listening(pid int) []string {
	inodes := map[string]bool{}
	for _, p := range append(descendants(pid), pid) {
		links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p))
		if err != nil {
			continue
		}
		for _, link := range links {
			target, err := os.Readlink(link)
			if inode, found := strings.CutPrefix(target, "socket:["); err == nil && found {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	var found []string
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			continue
		}
		found = append(found, listeners(data, inodes)...)
	}
	slices.Sort(found)
	return slices.Compact(found)
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
// address is in words of four bytes in the machine's order, the port is not.
func decodeAddress(text string) (string, bool) {
	address, port, found := strings.Cut(text, ":")
	ip, err := hex.DecodeString(address)
	if !found || err != nil || len(ip)%4 != 0 || len(ip) == 0 || len(ip) > 16 {
		return "", false
	}
	for word := 0; word < len(ip); word += 4 {
		slices.Reverse(ip[word : word+4])
	}
	var number uint16
	if _, err := fmt.Sscanf(port, "%04X", &number); err != nil {
		return "", false
	}
	host := net.IP(ip)
	if host.IsUnspecified() {
		return fmt.Sprintf(":%d", number), true
	}
	return net.JoinHostPort(host.String(), fmt.Sprint(number)), true
}

// descendants returns the children of a process, and theirs.
func descendants(pid int) []int {
	var all []int
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(data)) {
			var childPID int
			if _, err := fmt.Sscan(field, &childPID); err == nil {
				all = append(append(all, childPID), descendants(childPID)...)
			}
		}
	}
	return all
}
