package workshop_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/davit-dev/davit/internal/workshop"
)

// TestReliability28NoSecretComesIntoAnImage builds where secrets lie about, in the
// environment and in the folder, and reads all that was pushed: layers, configuration,
// and the documents beside it.
func TestReliability28NoSecretComesIntoAnImage(t *testing.T) {
	const secret = "hunter22-hunter22"
	p := newPlace(t)
	t.Setenv("DATABASE_PASSWORD", secret)
	t.Setenv("GITHUB_TOKEN", secret)
	p.write(".env", "DATABASE_PASSWORD="+secret+"\n")
	p.write("server/secrets.yaml", "password: "+secret+"\n")
	p.git("init", "-q")
	p.git("remote", "add", "origin", "https://anna:"+secret+"@git.example/tools.git")
	p.git("add", "go.mod", "server/main.go")
	p.git("commit", "-qm", "all")
	built := p.build(workshop.Order{
		Targets: []string{"./server"}, Repo: p.registry + "/server", Push: true, Provenance: true, SBOM: []string{"spdx", "cyclonedx"},
	})[0]
	ref, err := name.NewDigest(built.References[0])
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	seen := p.contents(img)
	beside, err := remote.Referrers(ref)
	if err != nil {
		t.Fatal(err)
	}
	documents, err := beside.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents.Manifests {
		document, err := remote.Image(ref.Context().Digest(d.Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		seen += p.contents(document)
	}
	if len(documents.Manifests) < 3 || !strings.Contains(seen, "example.com/tools/server") {
		t.Errorf("looked into %d bytes, %d documents", len(seen), len(documents.Manifests))
	}
	if at := strings.Index(seen, "hunter22"); at >= 0 {
		t.Errorf("the secret is in it: …%q…", seen[max(0, at-100):at+20])
	}
}

// contents is all that an image says: its manifest, its configuration, and its
// layers, unpacked where they can be.
func (p place) contents(img v1.Image) string {
	p.t.Helper()
	manifest, err := img.RawManifest()
	config, configErr := img.RawConfigFile()
	layers, layersErr := img.Layers()
	if err := errors.Join(err, configErr, layersErr); err != nil {
		p.t.Fatal(err)
	}
	all := bytes.NewBuffer(append(manifest, config...))
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			p.t.Fatal(err)
		}
		if _, err := io.Copy(all, content); err != nil {
			p.t.Fatal(err)
		}
		content.Close()
	}
	return all.String()
}
