package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Layout of SQLite's write-ahead log (https://www.sqlite.org/fileformat2.html#walformat).
const (
	walSuffix     = "-wal"
	walHeader     = 32
	walFrame      = 24 // header of a frame, before its page
	walMagic      = 0x377f0682
	walMinPage    = 512
	walMaxPage    = 65536
	walCommitSize = 4 // where a frame's header holds the size that it commits
	walSalts      = 8 // where it holds the salts
)

// walLost says whether transactions that were once synced cannot be read back
// from the write-ahead log of a database. SQLite takes a log up to the first
// frame whose checksum is wrong and forgets the rest without a word. After a
// crash that is right: the broken frame is of the last transaction, which nobody
// was told of. But a transaction begins only when the one before is on the disk.
// So a break with commits of two transactions behind it is damage, not a crash.
func walLost(database string) (bool, error) {
	log, err := os.ReadFile(database + walSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read write-ahead log: %w", err)
	}
	if len(log) < walHeader+walFrame {
		return false, nil
	}
	page := int(binary.BigEndian.Uint32(log[8:]))
	if page < walMinPage || page > walMaxPage {
		return true, nil
	}
	sum, ok := walSum(log, [2]uint32{}, log[:24])
	salts := log[16:24]
	if !ok || !walMatches(sum, log[24:]) {
		salts = log[walHeader+walSalts : walHeader+walSalts+8] // the header is the broken part
		sum = [2]uint32{}
	}
	return walCommitsBehindBreak(log, sum, salts, page) > 1, nil
}

// walCommitsBehindBreak counts the commits in frames that SQLite will not read
// although they were written since the log was last begun anew.
func walCommitsBehindBreak(log []byte, sum [2]uint32, salts []byte, page int) int {
	commits, broken := 0, false
	for at := walHeader; at+walFrame+page <= len(log); at += walFrame + page {
		frame := log[at : at+walFrame]
		ours := bytes.Equal(frame[walSalts:walSalts+8], salts)
		if !broken {
			sum, _ = walSum(log, sum, frame[:8])
			sum, _ = walSum(log, sum, log[at+walFrame:at+walFrame+page])
			broken = !ours || !walMatches(sum, frame[16:])
		}
		if broken && ours && binary.BigEndian.Uint32(frame[walCommitSize:]) > 0 {
			commits++
		}
	}
	return commits
}

// walSum continues the checksum of a log over data, in the byte order that the
// log's magic number names; ok is false when it names none.
func walSum(log []byte, sum [2]uint32, data []byte) (next [2]uint32, ok bool) {
	magic := binary.BigEndian.Uint32(log)
	var order binary.ByteOrder = binary.LittleEndian
	if magic&1 == 1 {
		order = binary.BigEndian
	}
	for i := 0; i+8 <= len(data); i += 8 {
		sum[0] += order.Uint32(data[i:]) + sum[1]
		sum[1] += order.Uint32(data[i+4:]) + sum[0]
	}
	return sum, magic&^1 == walMagic
}

func walMatches(sum [2]uint32, stored []byte) bool {
	return sum[0] == binary.BigEndian.Uint32(stored) && sum[1] == binary.BigEndian.Uint32(stored[4:])
}

// lostError is the error for what walLost found, nil for nothing.
func lostError(lost bool) error {
	if !lost {
		return nil
	}
	return fmt.Errorf("%w: entries in the write-ahead log cannot be read", ErrDamaged)
}
