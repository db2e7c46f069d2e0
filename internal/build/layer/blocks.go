package layer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
)

// block says what a block of a gzip layer holds, and how it is stored there.
type block struct {
	Content [32]byte // SHA-256 of the length of the window before it, the window and the block
	Length  uint32   // bytes, compressed
	Check   uint32   // CRC-32C of the compressed bytes
}

// castagnoli is the polynomial of block.Check, which processors know.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blocks are those of a layer in the cache, by content.
type blocks struct {
	layer  *os.File
	places map[[32]byte]place
}

type place struct {
	offset int64
	block
}

// blockBytes is the length of a block in SHAPE.last.
const blockBytes = 40

// formatBlocks writes blocks in the order in which they stand in their layer.
func formatBlocks(all []block) []byte {
	out := make([]byte, 0, len(all)*blockBytes)
	for _, b := range all {
		out = append(out, b.Content[:]...)
		out = binary.LittleEndian.AppendUint32(out, b.Length)
		out = binary.LittleEndian.AppendUint32(out, b.Check)
	}
	return out
}

// parseBlocks reads them.
func parseBlocks(data []byte) (map[[32]byte]place, error) {
	if len(data)%blockBytes != 0 {
		return nil, fmt.Errorf("read the blocks of a layer: %d bytes, which is not a multiple of %d", len(data), blockBytes)
	}
	places := make(map[[32]byte]place, len(data)/blockBytes)
	at := int64(len(gzipHeader))
	for in := bytes.NewBuffer(data); in.Len() > 0; {
		var p place
		copy(p.Content[:], in.Next(len(p.Content)))
		p.Length = binary.LittleEndian.Uint32(in.Next(4))
		p.Check = binary.LittleEndian.Uint32(in.Next(4))
		p.offset = at
		places[p.Content] = p
		at += int64(p.Length)
	}
	return places, nil
}

// mostBlock bounds what is read for one block: deflate makes nothing longer than
// it was by more than a few bytes in a thousand.
const mostBlock = blockSize + blockSize/64

// read returns a block as it is stored, when it is there and whole.
func (b *blocks) read(content [32]byte) ([]byte, bool) {
	if b == nil {
		return nil, false
	}
	p, found := b.places[content]
	if !found || p.Length > mostBlock {
		return nil, false
	}
	data := make([]byte, p.Length)
	if _, err := b.layer.ReadAt(data, p.offset); err != nil || crc32.Checksum(data, castagnoli) != p.Check {
		return nil, false
	}
	return data, true
}

func (b *blocks) close() {
	if b != nil {
		_ = b.layer.Close() // it was only read
	}
}
