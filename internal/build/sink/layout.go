package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

const (
	layoutName  = "oci-layout"
	indexName   = "index.json"
	unfinished  = ".davit-" // begins the names of blobs that are being written
	lockPoll    = 50 * time.Millisecond
	largestJSON = 16 << 20 // bytes of an index.json that is read
)

// WriteLayout adds the image to a folder with an OCI image layout (OCI
// image-spec 1.1, image-layout.md), which is made when it is not there. In the
// index it takes the place of images with the same names; without a name, of
// the nameless image for the same platform. Blobs that are no longer named stay.
//
// Whenever davit is killed, the folder is a layout with what was in it, or with
// the new image too. A folder with anything else in it is refused.
func WriteLayout(ctx context.Context, dir string, img Image, refs []Reference, tell Progress) error {
	all, err := img.contents()
	if err == nil {
		err = writeLayout(ctx, dir, all, fullNames(refs, hubOfficial), &meter{total: all.size(), tell: tell})
	}
	if err != nil {
		return fmt.Errorf("write OCI layout %s: %w", dir, err)
	}
	return nil
}

func writeLayout(ctx context.Context, dir string, all *contents, names []string, m *meter) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	held, err := lockFolder(ctx, dir)
	if err != nil {
		return err
	}
	defer held.Close()
	index, err := openLayout(dir)
	if err != nil {
		return err
	}
	for _, o := range all.all() {
		if err := writeBlob(ctx, dir, o, m); err != nil {
			return err
		}
	}
	for _, entry := range all.entries(names) {
		index.Manifests = append(without(index.Manifests, entry), entry)
	}
	return writeIndex(dir, index)
}

// lockFolder keeps another davit out of the folder until it is closed.
func lockFolder(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	again := time.NewTicker(lockPoll)
	defer again.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock the folder: %w", err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another davit: %w", context.Cause(ctx)), f.Close())
		case <-again.C:
		}
	}
}

// openLayout returns the index of a layout, and makes an empty one in an empty
// folder.
func openLayout(dir string) (*v1.IndexManifest, error) {
	listed, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	isLayout, others := false, false
	for _, entry := range listed {
		switch {
		case entry.Name() == layoutName:
			isLayout = true
		case isLeftover(entry.Name(), layoutName, indexName):
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		default:
			others = true
		}
	}
	empty := &v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	if !isLayout {
		if others {
			return nil, errors.New("it holds files but no layout; name a folder that is empty or new")
		}
		if err := atomicfile.Write(filepath.Join(dir, layoutName), []byte(layoutFile), 0o644); err != nil {
			return nil, err
		}
		return empty, writeIndex(dir, empty)
	}
	if err := checkLayout(filepath.Join(dir, layoutName)); err != nil {
		return nil, err
	}
	return readIndex(filepath.Join(dir, indexName), empty)
}

func checkLayout(path string) error {
	var version struct {
		ImageLayoutVersion string `json:"imageLayoutVersion"`
	}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &version)
	}
	if err != nil || version.ImageLayoutVersion != "1.0.0" {
		return fmt.Errorf("%s is not that of a layout of version 1.0.0; name a folder that is empty or new", path)
	}
	return nil
}

// readIndex returns the index of a layout, or empty where davit was killed
// before it wrote the first.
func readIndex(path string, empty *v1.IndexManifest) (*v1.IndexManifest, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, largestJSON))
	if err != nil {
		return nil, err
	}
	index := &v1.IndexManifest{}
	if err := json.Unmarshal(data, index); err != nil || index.SchemaVersion != 2 {
		return nil, fmt.Errorf("%s is not an image index; name a folder that is empty or new", path)
	}
	return index, nil
}

func writeIndex(dir string, index *v1.IndexManifest) error {
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, indexName), data, 0o644)
}

// without leaves out the entries that another replaces.
func without(entries []v1.Descriptor, by v1.Descriptor) []v1.Descriptor {
	kept := []v1.Descriptor{}
	for _, entry := range entries {
		if !replaces(by, entry) {
			kept = append(kept, entry)
		}
	}
	return kept
}

func replaces(by, entry v1.Descriptor) bool {
	name, full := entry.Annotations[annotationTag], entry.Annotations[annotationName]
	if name != by.Annotations[annotationTag] {
		return false
	}
	if name != "" {
		return full == "" || full == by.Annotations[annotationName]
	}
	if by.Platform == nil || entry.Platform == nil {
		return by.Platform == entry.Platform
	}
	return by.Platform.Equals(*entry.Platform)
}

// writeBlob puts a blob where it belongs, unless it is there.
func writeBlob(ctx context.Context, dir string, o object, m *meter) error {
	path := filepath.Join(dir, filepath.FromSlash(blobPath(o.digest)))
	if info, err := os.Stat(path); err == nil && info.Size() == o.size {
		m.add(o.size)
		return nil
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := removeUnfinished(folder); err != nil {
		return err
	}
	temp, err := os.CreateTemp(folder, unfinished)
	if err != nil {
		return err
	}
	err = buffered(temp, func(w io.Writer) error { return o.copyTo(ctx, metered{w, m}) })
	if err == nil {
		err = errors.Join(temp.Chmod(0o644), temp.Sync())
	}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return atomicfile.SyncDir(folder)
}

// removeUnfinished removes what a davit that was killed left. The lock says that
// no other is at it.
func removeUnfinished(folder string) error {
	listed, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range listed {
		if strings.HasPrefix(entry.Name(), unfinished) {
			if err := os.Remove(filepath.Join(folder, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
