package workshop

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/sbom"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// attach puts beside what was pushed what it is made of and how.
func (b *bench) attach(ctx context.Context, all []made) error {
	kinds, err := sbomKinds(b.order.SBOM)
	if err != nil {
		return err
	}
	if b.order.SBOMDir != "" {
		if err := b.writeSBOMs(ctx, all, kinds); err != nil {
			return err
		}
	}
	nothing := len(kinds) == 0 && !b.order.Provenance && b.order.Key == "" && !b.order.DebugInfo
	if nothing || !b.pushes() {
		return nil
	}
	for i := range all {
		if err := b.attachTo(ctx, &all[i], kinds); err != nil {
			return err
		}
	}
	return nil
}

// writeSBOMs writes the bills of materials into a folder, as NAME.spdx.json and
// NAME.cdx.json.
func (b *bench) writeSBOMs(ctx context.Context, all []made, kinds []string) error {
	if err := os.MkdirAll(b.order.SBOMDir, 0o755); err != nil {
		return fmt.Errorf("--sbom-dir: %w", err)
	}
	for i := range all {
		facts, err := b.facts(ctx, &all[i])
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			write, extension := sbom.SPDX, ".spdx.json"
			if kind == "cyclonedx" {
				write, extension = sbom.CycloneDX, ".cdx.json"
			}
			document, err := write(facts)
			if err != nil {
				return err
			}
			name := filepath.Join(b.order.SBOMDir, path.Base(all[i].built.Name)+extension)
			if err := atomicfile.Write(name, document, 0o644); err != nil {
				return fmt.Errorf("--sbom-dir: %w", err)
			}
		}
	}
	return nil
}

// sbomKinds reads --sbom.
func sbomKinds(names []string) ([]string, error) {
	var kinds []string
	for _, name := range names {
		switch name {
		case "none":
		case "spdx", "cyclonedx":
			kinds = append(kinds, name)
		default:
			return nil, inputErrorf("--sbom: %q is no bill of materials (allowed: spdx, cyclonedx, none)", name)
		}
	}
	return slices.Compact(kinds), nil
}

// readKey reads the key to sign with, where something is signed. It comes before
// all work: a password that is wrong is known at once.
func (b *bench) readKey() error {
	if b.order.Key == "" || !b.pushes() {
		return nil
	}
	key, err := attest.LoadKey(b.order.Key, b.order.Password)
	if errors.Is(err, fs.ErrNotExist) {
		return inputErrorf("--sign-key: %w; 'davit key %s' makes one", err, filepath.Dir(b.order.Key))
	}
	b.key = &key
	return input(err)
}

func (b *bench) attachTo(ctx context.Context, m *made, kinds []string) error {
	facts, err := b.facts(ctx, m)
	if err != nil {
		return err
	}
	artifacts, err := documents(facts, kinds, b.order.Provenance, b.key)
	if err != nil {
		return err
	}
	stripped, err := debugInfo(m.debug)
	if err != nil {
		return err
	}
	artifacts = append(artifacts, stripped...)
	subject, err := descriptor(m.image)
	if err != nil {
		return err
	}
	ref, err := name.ParseReference(m.built.Name)
	if err != nil {
		return fmt.Errorf("attach to %s: %w", m.built.Name, err)
	}
	options := remotely(ctx, asLoggedIn())
	if err := attest.Attach(ctx, ref.Context(), subject, artifacts, options...); err != nil {
		return err
	}
	for _, artifact := range artifacts {
		m.built.Attached = append(m.built.Attached, artifact.Type)
	}
	if b.key == nil {
		return nil
	}
	m.built.Attached = append(m.built.Attached, "signature")
	return attest.Sign(ctx, ref.Context(), subject, *b.key, options...)
}

// documents are the bills of materials and the provenance: signed where there is
// a key, else as they are.
func documents(facts sbom.Facts, kinds []string, provenance bool, key *attest.Key) ([]attest.Artifact, error) {
	var statements []attest.Statement
	var artifacts []attest.Artifact
	for _, kind := range kinds {
		write, predicate := sbom.SPDX, attest.SPDXType
		if kind == "cyclonedx" {
			write, predicate = sbom.CycloneDX, attest.CycloneDXType
		}
		document, err := write(facts)
		if err != nil {
			return nil, err
		}
		artifacts = append(artifacts, attest.Document(mediaTypes()[kind], document, nil))
		if key != nil {
			statement, err := attest.NewStatement(facts.Name, facts.Digest, predicate, document)
			if err != nil {
				return nil, err
			}
			statements = append(statements, statement)
		}
	}
	if provenance {
		statement, err := attest.Provenance(facts)
		if err != nil {
			return nil, err
		}
		statements = append(statements, statement)
	}
	for _, statement := range statements {
		artifact, err := statement.Artifact()
		if key != nil {
			artifact, err = key.Attest(statement)
		}
		if err != nil {
			return nil, err
		}
		artifacts = append(artifacts, artifact)
	}
	return artifacts, nil
}

// mediaTypes are those registered for bills of materials (IANA).
func mediaTypes() map[string]string {
	return map[string]string{"spdx": "application/spdx+json", "cyclonedx": "application/vnd.cyclonedx+json"}
}

// debugInfo are the programs of an image as they were before they were stripped.
func debugInfo(image *build.Image) ([]attest.Artifact, error) {
	if image == nil {
		return nil, nil
	}
	var artifacts []attest.Artifact
	for _, part := range image.Parts() {
		for _, binary := range part.Binaries {
			artifact, err := attest.DebugInfo(binary.File, binary.Path)
			if err != nil {
				return nil, err
			}
			artifacts = append(artifacts, artifact)
		}
	}
	return artifacts, nil
}

func descriptor(image *build.Image) (v1.Descriptor, error) {
	var (
		raw  []byte
		err  error
		kind = types.OCIManifestSchema1
	)
	if image.Index() != nil {
		kind = types.OCIImageIndex
		raw, err = image.Index().RawManifest()
	} else {
		raw, err = image.Parts()[0].Image.RawManifest()
	}
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("describe image: %w", err)
	}
	digest, err := v1.NewHash(image.Digest())
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("describe image: %w", err)
	}
	return v1.Descriptor{MediaType: kind, Size: int64(len(raw)), Digest: digest}, nil
}

// parameters are what a build was asked for, as the provenance has it.
type parameters struct {
	build.Config

	Mains []string `json:"packages"` // import paths, the entrypoint first
}

// mains are the main packages of an image.
func (m made) mains() []string {
	var list []string
	for _, binary := range m.image.Parts()[0].Binaries {
		list = append(list, binary.Package)
	}
	return list
}

// facts is what is known of an image.
func (b *bench) facts(ctx context.Context, m *made) (sbom.Facts, error) {
	tree, err := b.tree(ctx)
	if err != nil {
		return sbom.Facts{}, err
	}
	asked, err := json.Marshal(parameters{m.config, m.mains()})
	if err != nil {
		return sbom.Facts{}, fmt.Errorf("write the parameters of the build: %w", err)
	}
	facts := sbom.Facts{
		Name: m.built.Name, Digest: m.image.Digest(), Platforms: m.built.Platforms, Builder: b.order.Davit,
		Base:       sbom.Base{Name: m.config.Base},
		Source:     sbom.Source{Repository: tree.Repository, Revision: tree.Revision, Dirty: tree.Dirty, Tree: tree.Digest},
		Parameters: asked,
	}
	for _, part := range m.image.Parts() {
		for _, binary := range part.Binaries {
			info, err := buildinfo.ReadFile(binary.File)
			if err != nil {
				return sbom.Facts{}, fmt.Errorf("read what %s is made of: %w", filepath.Base(binary.File), err)
			}
			sum, err := binary.SHA256()
			if err != nil {
				return sbom.Facts{}, err
			}
			facts.Toolchain = info.GoVersion
			facts.Binaries = append(facts.Binaries, sbom.Binary{Path: binary.Path, SHA256: sum, Info: info})
		}
	}
	return facts, b.addBase(ctx, m, &facts)
}
