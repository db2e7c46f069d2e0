package sink

import (
	"errors"
	"io"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// upload is a blob on its way to a registry. It implements v1.Layer as far as
// remote asks for it, and counts what is read.
type upload struct {
	object
	meter *meter

	mu      sync.Mutex
	current *uploadReader // that the client reads from
	sent    int64
	local   error // why the blob could not be read here
}

// layer returns the blob with the repository that may have it.
func (u *upload) layer() v1.Layer {
	if u.origin == (name.Repository{}) {
		return u
	}
	return &remote.MountableLayer{Layer: u, Reference: u.origin.Digest(u.digest.String())}
}

// Digest implements v1.Layer.
func (u *upload) Digest() (v1.Hash, error) { return u.digest, nil }

// Size implements v1.Layer.
func (u *upload) Size() (int64, error) { return u.size, nil }

// MediaType implements v1.Layer. A layer that its maker does not want to be
// passed on (OCI image-spec 1.1, "Non-Distributable Layers") is none here: an
// image that lacks a layer cannot be run.
func (u *upload) MediaType() (types.MediaType, error) {
	if !u.media.IsDistributable() {
		return types.OCILayer, nil
	}
	return u.media, nil
}

var errNotRead = errors.New("a blob that is sent is not unpacked")

// DiffID implements v1.Layer.
func (u *upload) DiffID() (v1.Hash, error) { return v1.Hash{}, errNotRead }

// Uncompressed implements v1.Layer.
func (u *upload) Uncompressed() (io.ReadCloser, error) { return nil, errNotRead }

// Compressed implements v1.Layer. Each call begins the count anew.
func (u *upload) Compressed() (io.ReadCloser, error) {
	from, err := u.open()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.meter.add(-u.sent)
	u.sent, u.current, u.local = 0, nil, err
	if err != nil {
		return nil, err
	}
	u.current = &uploadReader{from, u}
	return u.current, nil
}

// read takes note of what a reader read. Of one that was closed, or that another
// has replaced, the client may still be reading; that does not count.
func (u *upload) read(by *uploadReader, bytes int, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if by != u.current {
		return
	}
	u.sent += int64(bytes)
	u.meter.add(int64(bytes))
	if err != nil && !errors.Is(err, io.EOF) {
		u.local = err
	}
}

func (u *upload) closed(by *uploadReader) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if by == u.current {
		u.current = nil
	}
}

func (u *upload) localError() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.local
}

// finish counts what had not to be sent.
func (u *upload) finish() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.meter.add(u.size - u.sent)
	u.sent = u.size
}

// uploadReader tells its upload what is read.
type uploadReader struct {
	from io.ReadCloser
	of   *upload
}

func (r *uploadReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.of.read(r, n, err)
	return n, err
}

func (r *uploadReader) Close() error {
	r.of.closed(r)
	return r.from.Close()
}
