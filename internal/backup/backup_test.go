package backup_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/backup"
)

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// members are the contents of a small backup by name.
func members() map[string]string {
	layer := strings.Repeat("layer ", 5000)
	return map[string]string{
		backup.JournalName: "the journal", backup.PublicName: "the public key", backup.KeyName: "the key",
		backup.PasswordName: "secret", backup.IndexName: "the index", backup.BlobName("sha256:" + sumOf(layer)): layer,
		backup.BlobName("sha256:" + sumOf("")): "", "certificates/store/acme/ca/users/a@b.org/a.key": "an account",
	}
}

func manifestOf(contents map[string]string) backup.Manifest {
	m := backup.Manifest{
		Format: backup.Format, Made: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Davit: "v1", Checkpoint: "note", Key: "key",
		Missing: []string{},
	}
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		m.Members = append(m.Members, backup.Member{Name: name, Size: int64(len(contents[name])), SHA256: sumOf(contents[name])})
	}
	return m
}

func archive(tb testing.TB, m backup.Manifest, contents map[string]string) []byte {
	tb.Helper()
	var out bytes.Buffer
	err := backup.Write(context.Background(), &out, m, func(m backup.Member) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(contents[m.Name])), nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// read takes an archive apart.
func read(data []byte) (backup.Manifest, map[string]string, error) {
	r, err := backup.NewReader(bytes.NewReader(data))
	if err != nil {
		return backup.Manifest{}, nil, err
	}
	contents := map[string]string{}
	err = r.Members(context.Background(), func(m backup.Member, content io.Reader) error {
		data, err := io.ReadAll(content)
		contents[m.Name] = string(data)
		return err
	})
	return r.Manifest, contents, err
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	want := members()
	m := manifestOf(want)
	got, contents, err := read(archive(t, m, want))
	if err != nil || !maps.Equal(contents, want) {
		t.Fatalf("got %v, %v", contents, err)
	}
	if a, b := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", m); a != b {
		t.Errorf("manifest %s, want %s", a, b)
	}
}

func TestWriteRefuses(t *testing.T) {
	contents := members()
	m := manifestOf(contents)
	for name, open := range map[string]backup.Open{
		"a member that is gone": func(backup.Member) (io.ReadCloser, error) { return nil, errors.New("gone") },
		"one that is shorter":   func(backup.Member) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil },
		"one that is longer": func(m backup.Member) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(contents[m.Name] + "!")), nil
		},
	} {
		if err := backup.Write(t.Context(), io.Discard, m, open); err == nil {
			t.Errorf("%s: was written", name)
		}
	}
}

// item is one member of a hand-made archive.
type item struct {
	header  tar.Header
	content string
}

func pack(tb testing.TB, items []item) []byte {
	tb.Helper()
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	for _, i := range items {
		i.header.Size, i.header.Mode = int64(len(i.content)), 0o600
		if err := archive.WriteHeader(&i.header); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(archive, i.content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), compressed.Close()); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// items are those of a good archive, to be spoiled.
func items(tb testing.TB, m backup.Manifest, contents map[string]string) []item {
	tb.Helper()
	data, err := json.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	all := []item{{tar.Header{Typeflag: tar.TypeReg, Name: backup.ManifestName}, string(data)}}
	for _, member := range m.Members {
		all = append(all, item{tar.Header{Typeflag: tar.TypeReg, Name: member.Name}, contents[member.Name]})
	}
	return all
}

func TestReadRefusesWhatIsNotAsTheManifestSays(t *testing.T) {
	good := members()
	names := slices.Sorted(maps.Keys(good))
	for name, c := range map[string]struct {
		spoil func(all []item) []item
		want  string
	}{
		"another content":   {func(all []item) []item { all[2].content = strings.ToUpper(all[2].content); return all }, names[1]},
		"another size":      {func(all []item) []item { all[2].content += "x"; return all }, names[1]},
		"one left out":      {func(all []item) []item { return slices.Delete(all, 2, 3) }, names[1]},
		"the last left out": {func(all []item) []item { return all[:len(all)-1] }, names[len(names)-1]},
		"two swapped":       {func(all []item) []item { all[1], all[2] = all[2], all[1]; return all }, names[0]},
		"a link": {func(all []item) []item {
			all[2].header = tar.Header{Typeflag: tar.TypeSymlink, Name: names[1], Linkname: "/etc/passwd"}
			all[2].content = ""
			return all
		}, names[1]},
		"one too many": {func(all []item) []item {
			return append(all, item{tar.Header{Typeflag: tar.TypeReg, Name: "../evil"}, "x"})
		}, "../evil"},
		"no manifest":   {func(all []item) []item { return all[1:] }, "no davit backup"},
		"nothing in it": {func([]item) []item { return nil }, "no davit backup"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(pack(t, c.spoil(items(t, manifestOf(good), good))))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %s", err, c.want)
			}
		})
	}
}

func TestReadTakesFormatsFromBefore(t *testing.T) {
	good := members()
	m := manifestOf(good)
	m.Format = 1
	if _, contents, err := read(archive(t, m, good)); err != nil || !maps.Equal(contents, good) {
		t.Errorf("format 1: %v", err)
	}
}

func TestReadRefusesManifests(t *testing.T) {
	good := members()
	for name, c := range map[string]struct {
		spoil func(m *backup.Manifest)
		want  string
	}{
		"a newer format":               {func(m *backup.Manifest) { m.Format = 3 }, "has format 3, this davit knows formats up to 2"},
		"an older format":              {func(m *backup.Manifest) { m.Format = 0 }, "no davit has written"},
		"a way out":                    {func(m *backup.Manifest) { m.Members[0].Name = "../control.db" }, "../control.db"},
		"an absolute name":             {func(m *backup.Manifest) { m.Members[0].Name = "/etc/passwd" }, "/etc/passwd"},
		"another folder":               {func(m *backup.Manifest) { m.Members[0].Name = "instances/x" }, "instances/x"},
		"a way in a digest":            {func(m *backup.Manifest) { m.Members[0].Name = "registry/blobs/sha256/../../../x" }, "no davit writes"},
		"a way in a certificate":       {func(m *backup.Manifest) { m.Members[0].Name = "certificates/../x" }, "no davit writes"},
		"a certificate without a name": {func(m *backup.Manifest) { m.Members[0].Name = "certificates/a//b" }, "no davit writes"},
		"one twice":                    {func(m *backup.Manifest) { m.Members = append(m.Members, m.Members[0]) }, "twice"},
		"no journal": {func(m *backup.Manifest) {
			m.Members = slices.DeleteFunc(m.Members, func(m backup.Member) bool { return m.Name == backup.JournalName })
		}, backup.JournalName},
		"a wrong sum":     {func(m *backup.Manifest) { m.Members[0].SHA256 = "x" }, "not a SHA-256 sum"},
		"a negative size": {func(m *backup.Manifest) { m.Members[0].Size = -1 }, "not a size"},
		"a sum that is not its name's": {func(m *backup.Manifest) {
			i := slices.IndexFunc(m.Members, func(m backup.Member) bool { return strings.Contains(m.Name, "blobs") })
			m.Members[i].SHA256 = sumOf("other")
		}, "not that of its name"},
		"more than there can be": {func(m *backup.Manifest) {
			m.Members[0].Size, m.Members[1].Size = 1<<62, 1<<62
		}, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			m := manifestOf(good)
			c.spoil(&m)
			_, _, err := read(pack(t, items(t, m, good)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestEveryByteCounts cuts an archive everywhere, and changes it everywhere.
func TestEveryByteCounts(t *testing.T) {
	good := members()
	whole := archive(t, manifestOf(good), good)
	for n := range whole {
		if _, _, err := read(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a backup", n, len(whole))
		}
	}
	for _, more := range []string{"x", "\x00", string(whole)} {
		if _, _, err := read(append(bytes.Clone(whole), more...)); err == nil {
			t.Error("something after the end was not seen")
		}
	}
	header := 10 // of gzip: its flags and time say nothing about the content
	for at := header; at < len(whole); at++ {
		spoiled := bytes.Clone(whole)
		spoiled[at] ^= 0x10
		if _, contents, err := read(spoiled); err == nil && !maps.Equal(contents, good) {
			t.Fatalf("byte %d was changed unseen", at)
		}
	}
}

// A member that is larger than the manifest says is not read.
func TestABombIsCutAtTheDeclaredSize(t *testing.T) {
	good := members()
	m := manifestOf(good)
	all := items(t, m, good)
	all[1].content = strings.Repeat("\x00", 64<<20)
	var taken int64
	r, err := backup.NewReader(bytes.NewReader(pack(t, all)))
	if err != nil {
		t.Fatal(err)
	}
	err = r.Members(t.Context(), func(_ backup.Member, content io.Reader) error {
		n, err := io.Copy(io.Discard, content)
		taken += n
		return err
	})
	if err == nil || taken > m.Size() {
		t.Errorf("%d bytes of %d were handed out: %v", taken, m.Size(), err)
	}
}

func FuzzRead(f *testing.F) {
	good := members()
	f.Add(archive(f, manifestOf(good), good))
	f.Add(pack(f, items(f, manifestOf(good), good)[:3]))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, contents, err := read(data)
		if err != nil {
			return
		}
		for _, member := range m.Members {
			if strings.Contains(member.Name, "..") || strings.HasPrefix(member.Name, "/") {
				t.Errorf("the name %q leads out", member.Name)
			}
			if sumOf(contents[member.Name]) != member.SHA256 {
				t.Errorf("%s was handed out with another sum", member.Name)
			}
		}
		if _, again, err := read(archive(t, m, contents)); err != nil || !maps.Equal(again, contents) {
			t.Errorf("written again it is %v, %v", again, err)
		}
	})
}

// FuzzManifest fuzzes what is inside of the compression, which a fuzzer does not
// get through.
func FuzzManifest(f *testing.F) {
	good := members()
	data, err := json.Marshal(manifestOf(good))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data), backup.JournalName, "the journal", byte(tar.TypeReg))
	f.Add(`{"format":1}`, "../x", "", byte(tar.TypeSymlink))
	f.Fuzz(func(t *testing.T, manifest, name, content string, kind byte) {
		var out bytes.Buffer
		compressed := gzip.NewWriter(&out)
		archive := tar.NewWriter(compressed)
		for _, i := range []item{
			{tar.Header{Typeflag: tar.TypeReg, Name: backup.ManifestName}, manifest},
			{tar.Header{Typeflag: kind, Name: name}, content},
		} {
			i.header.Size, i.header.Mode = int64(len(i.content)), 0o600
			if archive.WriteHeader(&i.header) != nil {
				return
			}
			if _, err := io.WriteString(archive, i.content); err != nil {
				return
			}
		}
		if errors.Join(archive.Close(), compressed.Close()) != nil {
			return
		}
		if m, contents, err := read(out.Bytes()); err == nil && len(contents) != len(m.Members) {
			t.Errorf("%d members of %d", len(contents), len(m.Members))
		}
	})
}
