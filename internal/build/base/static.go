package base

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/davit-dev/davit/internal/build/layer"
)

// zoneinfo is the IANA time zone database (which is in the public domain) as
// Go 1.26 has it in lib/time. It is part of davit, not of the machine, so that
// the same davit makes the same base everywhere.
//
//go:embed static/zoneinfo.zip
var zoneinfo []byte

// nonroot is the user that a program runs as when nobody says otherwise.
const nonroot = 65532

// Static returns the files of the base "static": what a Go program without
// cgo looks for outside itself.
//
// The zones are a tree and not the archive that ZONEINFO can name, because Go
// finds the tree without being told, also for TZ (time.initLocal), and other
// languages find it too.
func Static() ([]layer.Entry, error) {
	zones, err := Zones()
	if err != nil {
		return nil, err
	}
	return layer.WithParents(append(zones,
		layer.File("etc/passwd", []byte("root:x:0:0:root:/root:/sbin/nologin\n"+
			"nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"+
			"nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n")),
		layer.File("etc/group", []byte("root:x:0:\nnonroot:x:65532:\nnobody:x:65534:\n")),
		layer.File("etc/nsswitch.conf", []byte("hosts: files dns\n")),
		layer.File("etc/os-release", []byte("ID=davit\nNAME=\"davit static\"\nPRETTY_NAME=\"davit static\"\n")),
		layer.File("etc/ssl/certs/ca-certificates.crt", Roots()),
		layer.Folder("home/nonroot", 0o700, nonroot),
		layer.Folder("root", 0o700, 0),
		layer.Folder("tmp", 0o1777, 0),
	), nil)
}

// Roots returns Mozilla's CA roots in PEM. A root that is trusted only for
// older certificates is left out, since PEM cannot say so.
func Roots() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer does not fail
		}
	}
	return text.Bytes()
}

// Zones returns the time zones as files of /usr/share/zoneinfo.
func Zones() ([]layer.Entry, error) {
	archive, err := zip.NewReader(bytes.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil, fmt.Errorf("open the time zones: %w", err)
	}
	var entries []layer.Entry
	for _, zone := range archive.File {
		if strings.HasSuffix(zone.Name, "/") {
			continue
		}
		data, err := readZone(zone)
		if err != nil {
			return nil, fmt.Errorf("read time zone %s: %w", zone.Name, err)
		}
		entries = append(entries, layer.File("usr/share/zoneinfo/"+zone.Name, data))
	}
	return entries, nil
}

func readZone(zone *zip.File) ([]byte, error) {
	r, err := zone.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
