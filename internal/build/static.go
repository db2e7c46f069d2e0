package build

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// zoneinfo is the IANA time zone database (which is in the public domain) as
// Go 1.26 has it in lib/time. It is part of davit, not of the machine, so that
// the same davit makes the same base everywhere.
//
//go:embed static/zoneinfo.zip
var zoneinfo []byte

// nonroot is the user that a program runs as when nobody says otherwise.
const nonroot = 65532

// staticBase returns the files of the base "static": what a Go program without
// cgo looks for outside itself.
//
// The zones are a tree and not the archive that ZONEINFO can name, because Go
// finds the tree without being told, also for TZ (time.initLocal), and other
// languages find it too.
func staticBase() ([]entry, error) {
	zones, err := zoneEntries()
	if err != nil {
		return nil, err
	}
	return withParents(append(zones,
		file("etc/passwd", []byte("root:x:0:0:root:/root:/sbin/nologin\n"+
			"nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"+
			"nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n")),
		file("etc/group", []byte("root:x:0:\nnonroot:x:65532:\nnobody:x:65534:\n")),
		file("etc/nsswitch.conf", []byte("hosts: files dns\n")),
		file("etc/os-release", []byte("ID=davit\nNAME=\"davit static\"\nPRETTY_NAME=\"davit static\"\n")),
		file("etc/ssl/certs/ca-certificates.crt", roots()),
		folder("home/nonroot", 0o700, nonroot),
		folder("root", 0o700, 0),
		folder("tmp", 0o1777, 0),
	), nil)
}

// roots returns Mozilla's CA roots in PEM. A root that is trusted only for
// older certificates is left out, since PEM cannot say so.
func roots() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer does not fail
		}
	}
	return text.Bytes()
}

func zoneEntries() ([]entry, error) {
	archive, err := zip.NewReader(bytes.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil, fmt.Errorf("open the time zones: %w", err)
	}
	var entries []entry
	for _, zone := range archive.File {
		if strings.HasSuffix(zone.Name, "/") {
			continue
		}
		data, err := readZone(zone)
		if err != nil {
			return nil, fmt.Errorf("read time zone %s: %w", zone.Name, err)
		}
		entries = append(entries, file("usr/share/zoneinfo/"+zone.Name, data))
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
