package build

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// fileCapabilities returns what a program may be given by its file
// (capabilities(7)), with the numbers of linux/capability.h. Those that make a
// program as mighty as root are not among them.
func fileCapabilities() map[string]uint {
	return map[string]uint{
		"chown": 0, "dac_read_search": 2, "kill": 5, "net_bind_service": 10, "net_broadcast": 11,
		"net_admin": 12, "net_raw": 13, "ipc_lock": 14, "sys_ptrace": 19, "sys_nice": 23,
		"sys_resource": 24, "sys_time": 25,
	}
}

// parseCapability reads "net_bind_service" or "CAP_NET_BIND_SERVICE".
func parseCapability(name string) (uint, error) {
	number, known := fileCapabilities()[strings.TrimPrefix(strings.ToLower(name), "cap_")]
	if !known {
		return 0, fmt.Errorf("%q is not a capability for a program (allowed: %s)", name, names(fileCapabilities()))
	}
	return number, nil
}

// capabilityAttribute encodes capabilities as the value of the attribute
// security.capability: struct vfs_cap_data of revision 2, all of them permitted
// and effective. No names give nil.
func capabilityAttribute(list []string) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	const (
		revision  = 0x02000000
		effective = 1
	)
	var permitted uint64
	for _, name := range list {
		number, err := parseCapability(name)
		if err != nil {
			return nil, err
		}
		permitted |= 1 << number
	}
	value := binary.LittleEndian.AppendUint32(nil, revision|effective)
	value = binary.LittleEndian.AppendUint32(value, uint32(permitted))
	value = binary.LittleEndian.AppendUint32(value, 0) // inheritable
	value = binary.LittleEndian.AppendUint32(value, uint32(permitted>>32))
	return binary.LittleEndian.AppendUint32(value, 0), nil
}
