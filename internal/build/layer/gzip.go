package layer

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"
)

// A layer is one gzip member (RFC 1952) of blocks that end at a byte (RFC 1951
// 3.2.4, as zlib's Z_SYNC_FLUSH makes them). A block refers to the window of
// bytes before it and depends on nothing else, so blocks are compressed side by
// side, and one that the last layer of its kind had too is copied from there.
const (
	blockSize  = 256 << 10 // fixed, so the bytes do not depend on how many cores there are
	windowSize = 32 << 10  // RFC 1951: what a block can refer to
	gzipLevel  = 3
)

// gzipHeader has no time and no name, and an unknown system (RFC 1952 2.3).
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// lastBlock is an empty block of fixed codes that is marked as the last one.
const lastBlock = "\x03\x00"

// gzipWriter compresses what is written to it. Blocks are worked on by as many
// goroutines as there are cores; those that are under way are in pending, the
// oldest first, and every method waits for the ones that it takes out.
type gzipWriter struct {
	out     io.Writer
	known   *blocks // of an earlier layer; nil without
	made    []block // what was written out
	pending []*blockWork
	next    *blockWork // being filled
	spare   []byte     // a buffer that nobody uses
	idle    sync.Pool  // of compressors
	sum     uint32     // CRC-32 of all bytes so far
	size    uint32     // how many, modulo 2³²
	err     error
	reused  int // blocks that were copied from the earlier layer
}

func newGzipWriter(out io.Writer, known *blocks) *gzipWriter {
	z := &gzipWriter{out: out, known: known, next: (*blockWork)(nil).follower(nil)}
	_, z.err = io.WriteString(out, gzipHeader)
	return z
}

// Write implements io.Writer.
func (z *gzipWriter) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) && z.err == nil {
		n := z.next.fill(p[written:])
		z.sum = crc32.Update(z.sum, crc32.IEEETable, p[written:written+n])
		z.size += uint32(n)
		written += n
		if z.next.full() {
			z.start()
		}
	}
	return written, z.err
}

// start begins work on the next block and waits for the oldest when all cores
// are busy.
func (z *gzipWriter) start() {
	work := z.next
	work.done = make(chan struct{})
	z.next = work.follower(z.spare)
	z.spare = nil
	z.pending = append(z.pending, work)
	go func() {
		defer close(work.done)
		work.compress(z.known, &z.idle)
	}()
	if len(z.pending) > runtime.GOMAXPROCS(0) {
		z.finish()
	}
}

// finish waits for the oldest block and writes it out.
func (z *gzipWriter) finish() {
	work := z.pending[0]
	z.pending = z.pending[1:]
	<-work.done
	if z.err = errors.Join(z.err, work.err); z.err != nil {
		return
	}
	if _, z.err = z.out.Write(work.result); z.err == nil {
		z.made = append(z.made, work.block)
	}
	if work.reused {
		z.reused++
	}
	z.spare = work.buffer
}

// Close writes the rest and the trailer.
func (z *gzipWriter) Close() error {
	if !z.next.empty() {
		z.start()
	}
	for len(z.pending) > 0 {
		z.finish()
	}
	if z.err != nil {
		return z.err
	}
	trailer := binary.LittleEndian.AppendUint32([]byte(lastBlock), z.sum)
	_, z.err = z.out.Write(binary.LittleEndian.AppendUint32(trailer, z.size))
	return z.err
}

// abandon waits for the goroutines when there is no sense in closing.
func (z *gzipWriter) abandon() {
	for _, work := range z.pending {
		<-work.done
	}
	z.pending = nil
}

// blockWork is a block on its way through.
type blockWork struct {
	block
	buffer []byte // the window before the block, and the block
	window int    // how long the window is
	result []byte // compressed
	reused bool
	err    error
	done   chan struct{}
}

// follower returns the block after w, or the first one after nil. It takes over
// a buffer that nobody uses.
func (w *blockWork) follower(spare []byte) *blockWork {
	if spare == nil {
		spare = make([]byte, 0, windowSize+blockSize)
	}
	next := &blockWork{buffer: spare[:0]}
	if w != nil {
		next.buffer = append(next.buffer, w.buffer[max(0, len(w.buffer)-windowSize):]...)
		next.window = len(next.buffer)
	}
	return next
}

// fill takes as many bytes as fit.
func (w *blockWork) fill(p []byte) int {
	n := min(len(p), w.window+blockSize-len(w.buffer))
	w.buffer = append(w.buffer, p[:n]...)
	return n
}

func (w *blockWork) empty() bool { return len(w.buffer) == w.window }

func (w *blockWork) full() bool { return len(w.buffer) == w.window+blockSize }

func (w *blockWork) compress(known *blocks, idle *sync.Pool) {
	sum := sha256.New()
	_, _ = fmt.Fprintln(sum, w.window) // a hash does not fail
	_, _ = sum.Write(w.buffer)
	sum.Sum(w.Content[:0])
	if w.result, w.reused = known.read(w.Content); !w.reused {
		w.result, w.err = deflate(idle, w.buffer[:w.window], w.buffer[w.window:])
	}
	w.Length, w.Check = uint32(len(w.result)), crc32.Checksum(w.result, castagnoli)
}

// deflate compresses data up to a byte's end, with a compressor that is idle.
func deflate(idle *sync.Pool, window, data []byte) ([]byte, error) {
	out := make(sliceWriter, 0, len(data)/2)
	writer, found := idle.Get().(*flate.Writer)
	if found {
		writer.ResetDict(&out, window)
	} else {
		var err error
		if writer, err = flate.NewWriterDict(&out, gzipLevel, window); err != nil {
			return nil, err
		}
	}
	defer idle.Put(writer)
	if _, err := writer.Write(data); err != nil {
		return nil, err
	}
	if err := writer.Flush(); err != nil {
		return nil, err
	}
	return out, nil
}

// sliceWriter appends what is written to it.
type sliceWriter []byte

func (s *sliceWriter) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}
