package explain

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Compare says where b first differs from a: the layer, the file in it and the
// byte in that, else the field of the configuration or of the manifest. It
// returns "" for images that are the same bit for bit.
func Compare(ctx context.Context, a, b v1.Image) (string, error) {
	one, err := a.Digest()
	if err != nil {
		return "", fmt.Errorf("compare images: %w", err)
	}
	other, err := b.Digest()
	if err != nil {
		return "", fmt.Errorf("compare images: %w", err)
	}
	if one == other {
		return "", nil
	}
	for _, compare := range []func(context.Context, v1.Image, v1.Image) (string, error){compareLayers, compareConfigs, compareManifests} {
		where, err := compare(ctx, a, b)
		if err != nil {
			return "", fmt.Errorf("compare %s with %s: %w", one, other, err)
		}
		if where != "" {
			return where, nil
		}
	}
	return "", fmt.Errorf("compare %s with %s: no part of them differs, so one has another digest than its bytes", one, other)
}

func compareLayers(ctx context.Context, a, b v1.Image) (string, error) {
	x, err := a.Layers()
	if err != nil {
		return "", err
	}
	y, err := b.Layers()
	if err != nil {
		return "", err
	}
	for i := range min(len(x), len(y)) {
		where, err := compareLayer(ctx, x[i], y[i])
		if err != nil {
			return "", fmt.Errorf("layer %d: %w", i+1, err)
		}
		if where != "" {
			return fmt.Sprintf("layer %d: %s", i+1, where), nil
		}
	}
	if len(x) != len(y) {
		return fmt.Sprintf("number of layers: %d, %d", len(x), len(y)), nil
	}
	return "", nil
}

func compareLayer(ctx context.Context, a, b v1.Layer) (string, error) {
	x, err := describeLayer(a)
	if err != nil {
		return "", err
	}
	y, err := describeLayer(b)
	switch {
	case err != nil || x.Digest == y.Digest:
		return "", err
	case x.DiffID == y.DiffID:
		where, err := compareBytes(ctx, a.Compressed, b.Compressed)
		return fmt.Sprintf("the same files compressed otherwise (%s, %s), from %s", x.MediaType, y.MediaType, where), err
	}
	where, err := compareArchives(ctx, a, b)
	if where != "" || err != nil {
		return where, err
	}
	where, err = compareBytes(ctx, a.Uncompressed, b.Uncompressed)
	return "the same files with other tar headers, from " + where, err
}

// compareArchives compares the entries of two layers in their order.
func compareArchives(ctx context.Context, a, b v1.Layer) (string, error) {
	one, err := a.Uncompressed()
	if err != nil {
		return "", err
	}
	defer one.Close()
	other, err := b.Uncompressed()
	if err != nil {
		return "", err
	}
	defer other.Close()
	x, y := tar.NewReader(one), tar.NewReader(other)
	for {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		h, errA := x.Next()
		g, errB := y.Next()
		switch {
		case errors.Is(errA, io.EOF) && errors.Is(errB, io.EOF):
			return "", nil
		case errors.Is(errA, io.EOF) && errB == nil:
			return "only the second has " + path.Clean("/"+g.Name), nil
		case errors.Is(errB, io.EOF) && errA == nil:
			return "only the first has " + path.Clean("/"+h.Name), nil
		case errA != nil || errB != nil:
			return "", errors.Join(errA, errB)
		}
		where, err := compareEntries(h, g, x, y)
		if where != "" || err != nil {
			return where, err
		}
	}
}

func compareEntries(h, g *tar.Header, x, y io.Reader) (string, error) {
	name := path.Clean("/" + h.Name)
	if err := errors.Join(plainly(h), plainly(g)); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if h.Name != g.Name {
		return fmt.Sprintf("%s in the place of %s", path.Clean("/"+g.Name), name), nil
	}
	a, b := fields(h), fields(g)
	for _, field := range slices.Sorted(maps.Keys(union(a, b))) {
		if a[field] != b[field] {
			return fmt.Sprintf("%s: %s: %s, %s", name, field, a[field], b[field]), nil
		}
	}
	offset, differ, err := firstDifference(x, y)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if differ {
		return fmt.Sprintf("%s: byte %d (%d and %d bytes long)", name, offset, h.Size, g.Size), nil
	}
	if h.Size != g.Size {
		return fmt.Sprintf("%s: size: %d, %d", name, h.Size, g.Size), nil
	}
	return "", nil
}

// fields are those of a header that say something of the file.
func fields(h *tar.Header) map[string]string {
	all := map[string]string{
		"type": fmt.Sprintf("%q", h.Typeflag), "mode": fmt.Sprintf("%04o", h.Mode),
		"owner": fmt.Sprintf("%d:%d", h.Uid, h.Gid), "owner's name": fmt.Sprintf("%s:%s", h.Uname, h.Gname),
		"link": h.Linkname, "time": h.ModTime.UTC().Format("2006-01-02T15:04:05.999999999Z"),
	}
	for key, value := range h.PAXRecords {
		if key != "size" { // the content says it better
			all[key] = fmt.Sprintf("%q", value)
		}
	}
	return all
}

// firstDifference returns the number of bytes that both begin with.
func firstDifference(a, b io.Reader) (offset int64, differ bool, err error) {
	x, y := bufio.NewReaderSize(a, 1<<16), bufio.NewReaderSize(b, 1<<16)
	for {
		v, errA := x.ReadByte()
		w, errB := y.ReadByte()
		endA, endB := errors.Is(errA, io.EOF), errors.Is(errB, io.EOF)
		switch {
		case errA != nil && !endA:
			return offset, false, errA
		case errB != nil && !endB:
			return offset, false, errB
		case endA && endB:
			return offset, false, nil
		case endA != endB || v != w:
			return offset, true, nil
		}
		offset++
	}
}

func compareBytes(ctx context.Context, a, b func() (io.ReadCloser, error)) (string, error) {
	one, err := a()
	if err != nil {
		return "", err
	}
	defer one.Close()
	other, err := b()
	if err != nil {
		return "", err
	}
	defer other.Close()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	offset, _, err := firstDifference(one, other)
	return fmt.Sprintf("byte %d", offset), err
}

func compareConfigs(_ context.Context, a, b v1.Image) (string, error) {
	return compareJSON("config", a.RawConfigFile, b.RawConfigFile)
}

func compareManifests(_ context.Context, a, b v1.Image) (string, error) {
	return compareJSON("manifest", a.RawManifest, b.RawManifest)
}

// compareJSON says the first field that differs, or that only the writing does.
func compareJSON(what string, a, b func() ([]byte, error)) (string, error) {
	x, err := a()
	if err != nil {
		return "", err
	}
	y, err := b()
	if err != nil || slices.Equal(x, y) {
		return "", err
	}
	if found := diffJSON(x, y); len(found) > 0 {
		return fmt.Sprintf("%s: %s: %s, %s", what, found[0].Name, orNothing(found[0].A), orNothing(found[0].B)), nil
	}
	return what + ": the same values are written otherwise", nil
}

func orNothing(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}
