package app

import (
	"os"
	"syscall"
)

// mine says whether a file belongs to the user this process runs as.
func mine(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
