package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/davit-dev/davit/internal/registry/blob"
)

// Artifact is content that is no image, such as a plan, with what it is about
// (OCI image-spec 1.1, manifest.md, "Guidelines for Artifact Usage").
type Artifact struct {
	Type    string // artifactType
	Subject string // digest of a manifest in the same repository, "" for none
	Layers  []ArtifactLayer
}

// ArtifactLayer is a part of an artifact, small enough to be held in memory.
type ArtifactLayer struct {
	MediaType string
	Data      []byte
}

// maxArtifact bounds the layers of an artifact together, in bytes.
const maxArtifact = 8 << 20

const (
	typeEmpty = "application/vnd.oci.empty.v1+json"
	emptyJSON = "{}"
)

// Artifact reads an artifact with all its layers.
func (s *Store) Artifact(ctx context.Context, repo, digest string) (Artifact, error) {
	m, err := s.Manifest(ctx, repo, digest)
	if err != nil {
		return Artifact{}, err
	}
	var doc document
	if err := json.Unmarshal(m.Bytes, &doc); err != nil {
		return Artifact{}, fmt.Errorf("read artifact %s: %w", digest, err)
	}
	a, room := Artifact{Type: doc.kind()}, int64(maxArtifact)
	if doc.Subject != nil {
		a.Subject = doc.Subject.Digest
	}
	for _, layer := range doc.Layers {
		data, err := s.read(layer.Digest, room)
		room -= int64(len(data))
		if err != nil {
			return Artifact{}, fmt.Errorf("read artifact %s: %w", digest, err)
		}
		a.Layers = append(a.Layers, ArtifactLayer{MediaType: layer.MediaType, Data: data})
	}
	return a, nil
}

// Remote is a repository of a registry on this machine, for its clients.
type Remote struct {
	URL        string // http://host:port or https://host:port
	Repository string
	Username   string
	Password   string
	Transport  http.RoundTripper // nil: http.DefaultTransport
}

// PushArtifact stores an artifact and returns the digest of its manifest.
func (r Remote) PushArtifact(ctx context.Context, a Artifact) (string, error) {
	doc := document{
		SchemaVersion: 2, MediaType: typeImage, ArtifactType: a.Type,
		Config: &descriptor{MediaType: typeEmpty, Digest: blob.SHA256([]byte(emptyJSON)).String(), Size: int64(len(emptyJSON))},
	}
	size := 0
	for _, layer := range a.Layers {
		size += len(layer.Data)
	}
	if size > maxArtifact {
		return "", fmt.Errorf("push artifact: its layers have %d bytes, at most %d are allowed", size, maxArtifact)
	}
	parts := append([]ArtifactLayer{{typeEmpty, []byte(emptyJSON)}}, a.Layers...)
	for i, part := range parts {
		d := blob.SHA256(part.Data)
		if err := r.pushBlob(ctx, d, part.Data); err != nil {
			return "", err
		}
		if i > 0 {
			doc.Layers = append(doc.Layers, descriptor{MediaType: part.MediaType, Digest: d.String(), Size: int64(len(part.Data))})
		}
	}
	if a.Subject != "" {
		subject, err := r.describe(ctx, a.Subject)
		if err != nil {
			return "", err
		}
		doc.Subject = &subject
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return "", fmt.Errorf("encode artifact: %w", err)
	}
	d := blob.SHA256(data).String()
	resp, err := r.send(ctx, http.MethodPut, "/manifests/"+d, typeImage, data)
	if err != nil {
		return "", fmt.Errorf("push artifact: %w", err)
	}
	return d, resp.Body.Close()
}

func (r Remote) pushBlob(ctx context.Context, d blob.Digest, data []byte) error {
	resp, err := r.send(ctx, http.MethodPost, "/blobs/uploads/?digest="+url.QueryEscape(d.String()), "application/octet-stream", data)
	if err != nil {
		return fmt.Errorf("push blob %s: %w", d, err)
	}
	return resp.Body.Close()
}

// describe returns the descriptor of a manifest that is there.
func (r Remote) describe(ctx context.Context, digest string) (descriptor, error) {
	resp, err := r.send(ctx, http.MethodGet, "/manifests/"+digest, "", nil)
	if err != nil {
		return descriptor{}, fmt.Errorf("look at %s: %w", digest, err)
	}
	defer resp.Body.Close()
	size, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxManifest))
	if err != nil {
		return descriptor{}, fmt.Errorf("look at %s: %w", digest, err)
	}
	return descriptor{MediaType: resp.Header.Get("Content-Type"), Digest: digest, Size: size}, nil
}

// send makes a request and wants a good answer, whose body the caller closes.
func (r Remote) send(ctx context.Context, method, path, contentType string, body []byte) (*http.Response, error) {
	target := r.URL + "/v2/" + r.Repository + path
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.SetBasicAuth(r.Username, r.Password)
	resp, err := (&http.Client{Transport: r.Transport}).Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
		if err != nil {
			return nil, fmt.Errorf("the registry answered %s", resp.Status)
		}
		return nil, fmt.Errorf("the registry answered %s: %s", resp.Status, bytes.TrimSpace(answer))
	}
	return resp, nil
}
