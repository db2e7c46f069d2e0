package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/registry"
)

func TestUploadForms(t *testing.T) {
	f := serve(t, registry.Options{})
	data := []byte("the content of a blob")
	begin := func(repo string) string {
		a := f.want(202, "", "POST", "/v2/"+repo+"/blobs/uploads/", nil)
		if a.Header.Get("Range") != "0-0" {
			t.Errorf("a new upload has the range %q", a.Header.Get("Range"))
		}
		return "http://" + f.host + a.Header.Get("Location")
	}
	f.want(201, "", "POST", "/v2/at/once/blobs/uploads/?digest="+sha(data), data)
	f.want(201, "", "PUT", begin("post-put")+"?digest="+sha(data), data)
	f.want(201, "", "PUT", begin("sha512")+"?digest="+sha5(data), data)

	chunks := begin("chunked")
	a := f.want(202, "", "PATCH", chunks, data[:5], "Content-Range", "0-4")
	if a.Header.Get("Range") != "0-4" {
		t.Errorf("range %q after 5 bytes", a.Header.Get("Range"))
	}
	f.want(416, "BLOB_UPLOAD_INVALID", "PATCH", chunks, data[:5], "Content-Range", "0-4")
	f.want(416, "BLOB_UPLOAD_INVALID", "PATCH", chunks, data[9:], "Content-Range", "9-20")
	f.want(416, "BLOB_UPLOAD_INVALID", "PUT", chunks+"?digest="+sha(data), data[9:], "Content-Range", "9-20")
	f.want(400, "BLOB_UPLOAD_INVALID", "PATCH", chunks, data[5:9], "Content-Range", "five-eight")
	f.want(202, "", "PATCH", chunks, data[5:9], "Content-Range", "5-8")
	if a = f.want(204, "", "GET", chunks, nil); a.Header.Get("Range") != "0-8" || a.Header.Get("Location") == "" {
		t.Errorf("status %v", a.Header)
	}
	f.want(201, "", "PUT", chunks+"?digest="+sha(data), data[9:], "Content-Range", "9-20")
	f.want(404, "BLOB_UPLOAD_UNKNOWN", "GET", chunks, nil)

	for repo, digest := range map[string]string{"at/once": sha(data), "post-put": sha(data), "sha512": sha5(data), "chunked": sha(data)} {
		path := "/v2/" + repo + "/blobs/" + digest
		if a := f.want(200, "", "GET", path, nil); !bytes.Equal(a.body, data) || a.Header.Get("Docker-Content-Digest") != digest {
			t.Errorf("%s: %q %v", repo, a.body, a.Header)
		}
		if a := f.want(200, "", "HEAD", path, nil); a.ContentLength != int64(len(data)) {
			t.Errorf("%s: HEAD says %d bytes", repo, a.ContentLength)
		}
	}
	canceled := begin("canceled")
	f.want(204, "", "DELETE", canceled, nil)
	f.want(404, "BLOB_UPLOAD_UNKNOWN", "PATCH", canceled, data)
	f.want(400, "DIGEST_INVALID", "PUT", begin("lies")+"?digest="+sha([]byte("else")), data)
	f.want(400, "DIGEST_INVALID", "PUT", begin("lies")+"?digest=md5:00", data)
	f.want(400, "DIGEST_INVALID", "POST", "/v2/lies/blobs/uploads/?digest="+sha([]byte("else")), data)
	f.want(404, "BLOB_UNKNOWN", "GET", "/v2/lies/blobs/"+sha([]byte("else")), nil)
}

func TestMountRangeAndDeleteOfBlobs(t *testing.T) {
	f := serve(t, registry.Options{})
	data := []byte("0123456789")
	d := f.blob("one", data)
	f.want(404, "BLOB_UNKNOWN", "GET", "/v2/two/blobs/"+d, nil)
	f.want(201, "", "POST", "/v2/two/blobs/uploads/?mount="+d+"&from=one", nil)
	f.want(201, "", "POST", "/v2/three/blobs/uploads/?mount="+d, nil)
	f.want(202, "", "POST", "/v2/four/blobs/uploads/?mount="+sha(nil)+"&from=one", nil)
	f.want(400, "DIGEST_INVALID", "POST", "/v2/four/blobs/uploads/?mount=x&from=one", nil)
	a := f.want(206, "", "GET", "/v2/two/blobs/"+d, nil, "Range", "bytes=2-4")
	if string(a.body) != "234" || a.Header.Get("Content-Range") != "bytes 2-4/10" {
		t.Errorf("got %q, %v", a.body, a.Header)
	}
	if a := f.do("GET", "/v2/two/blobs/"+d, nil, "Range", "bytes=99-"); a.StatusCode != 416 {
		t.Errorf("a range beyond the end: %s", a.Status)
	}
	f.want(202, "", "DELETE", "/v2/two/blobs/"+d, nil)
	f.want(404, "BLOB_UNKNOWN", "GET", "/v2/two/blobs/"+d, nil)
	f.want(404, "BLOB_UNKNOWN", "DELETE", "/v2/two/blobs/"+d, nil)
	f.want(200, "", "GET", "/v2/one/blobs/"+d, nil)
}

func TestUploadsBelongToTheirRepository(t *testing.T) {
	dir := t.TempDir()
	var path string
	data := []byte("of one repository")
	t.Run("begun", func(t *testing.T) {
		f := serveAt(t, dir, registry.Options{})
		path = f.want(202, "", "POST", "/v2/one/blobs/uploads/", nil).Header.Get("Location")
		f.want(202, "", "PATCH", path, data[:5])
	})
	f := serveAt(t, dir, registry.Options{}) // by another process
	other := strings.Replace(path, "/one/", "/two/", 1)
	f.want(404, "BLOB_UPLOAD_UNKNOWN", "GET", other, nil)
	f.want(404, "BLOB_UPLOAD_UNKNOWN", "PUT", other+"?digest="+sha(data), data[5:])
	f.want(404, "BLOB_UPLOAD_UNKNOWN", "DELETE", other, nil)
	f.want(404, "BLOB_UPLOAD_UNKNOWN", "GET", "/v2/one/blobs/uploads/registry.db", nil)
	f.want(201, "", "PUT", path+"?digest="+sha(data), data[5:])
}

func TestRangesDoNotReadTheRest(t *testing.T) {
	f := serve(t, registry.Options{})
	d := f.blob("app", []byte("0123456789"))
	f.flip(d) // the last byte
	if a := f.want(206, "", "GET", "/v2/app/blobs/"+d, nil, "Range", "bytes=0-3"); string(a.body) != "0123" {
		t.Errorf("got %q", a.body)
	}
	f.want(404, "BLOB_UNKNOWN", "GET", "/v2/other/blobs/"+d, nil, "Range", "bytes=0-3")
}

func TestTagsBesideADigest(t *testing.T) {
	f := serve(t, registry.Options{})
	manifest, d := f.image("app", "", "{}")
	path := "/v2/app/manifests/" + sha5(manifest)
	a := f.want(201, "", "PUT", path+"?tag=v1&tag=v1.2&tag=latest", manifest, "Content-Type", imageType)
	if got := a.Header.Values("OCI-Tag"); !slices.Equal(got, []string{"v1", "v1.2", "latest"}) {
		t.Errorf("set %q", got)
	}
	for _, tag := range []string{"v1", "v1.2", "latest"} {
		if a := f.want(200, "", "GET", "/v2/app/manifests/"+tag, nil); a.Header.Get("Docker-Content-Digest") != sha5(manifest) {
			t.Errorf("%s is %s", tag, a.Header.Get("Docker-Content-Digest"))
		}
	}
	put := func(status int, code, path string) {
		t.Helper()
		f.want(status, code, "PUT", path, manifest, "Content-Type", imageType)
	}
	put(400, "TAG_INVALID", path+"?tag=-no")
	put(400, "TAG_INVALID", "/v2/app/manifests/v1?tag=v2")
	put(414, "TAG_INVALID", path+"?tag=x"+strings.Repeat("&tag=x", 64))
	put(201, "", "/v2/app/manifests/release-1")
	put(409, "DENIED", path+"?tag=new&tag=release-1") // all or nothing
	f.want(404, "MANIFEST_UNKNOWN", "GET", "/v2/app/manifests/new", nil)
	if a := f.want(200, "", "GET", "/v2/app/manifests/release-1", nil); a.Header.Get("Docker-Content-Digest") != d {
		t.Error("the release tag has moved")
	}
}

func TestManifests(t *testing.T) {
	f := serve(t, registry.Options{})
	manifest, d := f.image("app", "v1", "{}", []byte("layer"))
	for _, reference := range []string{"v1", d} {
		a := f.want(200, "", "GET", "/v2/app/manifests/"+reference, nil)
		if !bytes.Equal(a.body, manifest) || a.Header.Get("Docker-Content-Digest") != d || a.Header.Get("Content-Type") != imageType {
			t.Errorf("%s: %s %v", reference, a.body, a.Header)
		}
		f.want(200, "", "HEAD", "/v2/app/manifests/"+reference, nil)
	}
	index := []byte(`{"schemaVersion":2,"manifests":[` + descriptor(imageType, d, len(manifest)) + `]}`)
	f.want(201, "", "PUT", "/v2/app/manifests/all", index, "Content-Type", "application/vnd.oci.image.index.v1+json")
	f.want(201, "", "PUT", "/v2/app/manifests/list", index, "Content-Type", "application/vnd.docker.distribution.manifest.list.v2+json")
	f.want(201, "", "PUT", "/v2/app/manifests/"+sha5(manifest), manifest, "Content-Type", imageType)
	f.want(200, "", "GET", "/v2/app/manifests/"+sha5(manifest), nil)
	f.want(404, "MANIFEST_UNKNOWN", "GET", "/v2/other/manifests/"+d, nil)

	put := func(status int, code, reference, body, mediaType string) {
		t.Helper()
		f.want(status, code, "PUT", "/v2/app/manifests/"+reference, []byte(body), "Content-Type", mediaType)
	}
	missing := descriptor("application/octet-stream", sha([]byte("missing")), 7)
	put(404, "MANIFEST_BLOB_UNKNOWN", "x", `{"schemaVersion":2,"config":`+missing+`}`, imageType)
	put(404, "MANIFEST_BLOB_UNKNOWN", "x", `{"schemaVersion":2,"layers":[`+missing+`]}`, imageType)
	put(404, "MANIFEST_BLOB_UNKNOWN", "x", `{"schemaVersion":2,"manifests":[`+missing+`]}`, "application/vnd.oci.image.index.v1+json")
	foreign := descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", sha([]byte("missing")), 7)
	put(201, "", "foreign", `{"schemaVersion":2,"layers":[`+foreign+`]}`, "application/vnd.docker.distribution.manifest.v2+json")
	put(201, "", "orphan", `{"schemaVersion":2,"subject":`+missing+`}`, imageType)
	put(400, "MANIFEST_INVALID", "x", `{`, imageType)
	put(400, "MANIFEST_INVALID", "x", `{}`, "text/plain")
	put(400, "MANIFEST_INVALID", "x", `{"mediaType":"application/vnd.oci.image.index.v1+json"}`, imageType)
	put(400, "MANIFEST_INVALID", "x", `{"layers":[{"digest":"sha256:short"}]}`, imageType)
	put(400, "DIGEST_INVALID", sha([]byte("else")), string(manifest), imageType)
	put(400, "DIGEST_INVALID", "sha256:short", string(manifest), imageType)
	put(400, "TAG_INVALID", "-x", string(manifest), imageType)
	put(413, "SIZE_INVALID", "x", strings.Repeat(" ", 4<<20)+"{}", imageType)
	f.want(404, "MANIFEST_UNKNOWN", "GET", "/v2/app/manifests/x", nil)

	f.want(202, "", "DELETE", "/v2/app/manifests/v1", nil)
	f.want(404, "MANIFEST_UNKNOWN", "GET", "/v2/app/manifests/v1", nil)
	f.want(200, "", "GET", "/v2/app/manifests/"+d, nil)
	f.want(202, "", "DELETE", "/v2/app/manifests/"+d, nil)
	f.want(404, "MANIFEST_UNKNOWN", "GET", "/v2/app/manifests/"+d, nil)
	f.want(404, "MANIFEST_UNKNOWN", "DELETE", "/v2/app/manifests/"+d, nil)
}

func TestReliability07OverwritingAReleaseTag(t *testing.T) {
	f := serve(t, registry.Options{})
	manifest, d := f.image("app", "release-1", "{}")
	f.want(201, "", "PUT", "/v2/app/manifests/release-1", manifest, "Content-Type", imageType)
	other := []byte(`{"schemaVersion":2}`)
	f.want(409, "DENIED", "PUT", "/v2/app/manifests/release-1", other, "Content-Type", imageType)
	f.want(409, "DENIED", "DELETE", "/v2/app/manifests/release-1", nil)
	if a := f.want(200, "", "GET", "/v2/app/manifests/release-1", nil); a.Header.Get("Docker-Content-Digest") != d {
		t.Error("the tag has moved")
	}
	f.want(404, "MANIFEST_UNKNOWN", "GET", "/v2/app/manifests/"+sha(other), nil)
	f.want(201, "", "PUT", "/v2/app/manifests/latest", manifest, "Content-Type", imageType)
	f.want(201, "", "PUT", "/v2/app/manifests/latest", other, "Content-Type", imageType)

	f.want(202, "", "DELETE", "/v2/app/manifests/"+d, nil) // the tag does not come free with it
	f.want(404, "MANIFEST_UNKNOWN", "GET", "/v2/app/manifests/release-1", nil)
	f.want(409, "DENIED", "PUT", "/v2/app/manifests/release-1", other, "Content-Type", imageType)
	f.want(201, "", "PUT", "/v2/app/manifests/release-1", manifest, "Content-Type", imageType)
}

func TestTagsInPages(t *testing.T) {
	f := serve(t, registry.Options{})
	f.want(404, "NAME_UNKNOWN", "GET", "/v2/app/tags/list", nil)
	want := []string{"a", "b", "c", "d", "e"}
	for _, tag := range []string{"c", "e", "a", "d", "b"} {
		f.image("app", tag, "{}")
	}
	var got []string
	pages := 0
	for path := "/v2/app/tags/list?n=2"; path != ""; pages++ {
		a := f.want(200, "", "GET", path, nil)
		var list struct {
			Name string
			Tags []string
		}
		if err := json.Unmarshal(a.body, &list); err != nil || list.Name != "app" {
			t.Fatalf("%s: %v", a.body, err)
		}
		got = append(got, list.Tags...)
		path, _, _ = strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">")
	}
	if !slices.Equal(got, want) || pages != 3 {
		t.Errorf("got %v in %d pages", got, pages)
	}
	if a := f.want(200, "", "GET", "/v2/app/tags/list?n=0", nil); !strings.Contains(string(a.body), `"tags":[]`) {
		t.Errorf("n=0: %s", a.body)
	}
	f.want(400, "UNSUPPORTED", "GET", "/v2/app/tags/list?n=x", nil)
}

func TestReferrers(t *testing.T) {
	f := serve(t, registry.Options{})
	_, d := f.image("app", "v1", "{}")
	push := func(kind string) string {
		body := []byte(fmt.Sprintf(`{"schemaVersion":2,"artifactType":%q,"subject":%s,"annotations":{"k":%q}}`, kind, descriptor(imageType, d, 3), kind))
		a := f.want(201, "", "PUT", "/v2/app/manifests/"+sha(body), body, "Content-Type", imageType)
		if a.Header.Get("OCI-Subject") != d {
			t.Errorf("OCI-Subject %q", a.Header.Get("OCI-Subject"))
		}
		return sha(body)
	}
	plan, sbom := push("plan"), push("sbom")
	list := func(query string) (a answer, digests []string) {
		a = f.want(200, "", "GET", "/v2/app/referrers/"+query, nil)
		var index struct {
			Manifests []struct {
				Digest, ArtifactType string
				Annotations          map[string]string
			}
		}
		if err := json.Unmarshal(a.body, &index); err != nil || index.Manifests == nil {
			t.Fatalf("%s: %v", a.body, err)
		}
		for _, m := range index.Manifests {
			if m.Annotations["k"] != m.ArtifactType {
				t.Errorf("%s: annotations %v", m.Digest, m.Annotations)
			}
			digests = append(digests, m.Digest)
		}
		return a, digests
	}
	a, all := list(d)
	if len(all) != 2 || !slices.Contains(all, plan) || !slices.Contains(all, sbom) || a.Header.Get("OCI-Filters-Applied") != "" {
		t.Errorf("all: %v %v", all, a.Header)
	}
	if a.Header.Get("Content-Type") != "application/vnd.oci.image.index.v1+json" {
		t.Errorf("content type %q", a.Header.Get("Content-Type"))
	}
	a, plans := list(d + "?artifactType=plan")
	if !slices.Equal(plans, []string{plan}) || a.Header.Get("OCI-Filters-Applied") != "artifactType" {
		t.Errorf("plans: %v %v", plans, a.Header)
	}
	if _, none := list(sha(nil)); len(none) != 0 {
		t.Errorf("an unknown subject has %v", none)
	}
	f.want(400, "DIGEST_INVALID", "GET", "/v2/app/referrers/sha256:short", nil)
	f.want(202, "", "DELETE", "/v2/app/manifests/"+sbom, nil)
	if _, left := list(d); !slices.Equal(left, []string{plan}) {
		t.Errorf("left %v", left)
	}
}

func TestReliability06DeletingADeployedDigest(t *testing.T) {
	var held string
	f := serve(t, registry.Options{Held: func(d string) (string, bool) { return "release orders-7", d == held }})
	manifest, d := f.image("app", "v1", "{}", []byte("layer"))
	index := []byte(`{"schemaVersion":2,"manifests":[` + descriptor(imageType, d, len(manifest)) + `]}`)
	f.want(201, "", "PUT", "/v2/app/manifests/all", index, "Content-Type", "application/vnd.oci.image.index.v1+json")
	needed := []string{"/manifests/" + d, "/blobs/" + sha([]byte("layer")), "/blobs/" + sha([]byte("{}"))}
	for _, held = range []string{d, sha(index)} { // directly, and through the index
		for _, path := range needed {
			a := f.want(409, "DENIED", "DELETE", "/v2/app"+path, nil)
			if !strings.Contains(string(a.body), "release orders-7") {
				t.Errorf("%s does not name the holder", a.body)
			}
		}
	}
	held = ""
	for _, path := range needed {
		f.want(202, "", "DELETE", "/v2/app"+path, nil)
	}
}

func TestWritesNeedThePassword(t *testing.T) {
	f := serve(t, registry.Options{})
	d := f.blob("app", []byte("x"))
	do := func(method, path, user, pass string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+f.host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			req.SetBasicAuth(user, pass)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	for _, c := range []struct {
		method, path, user, pass string
		status                   int
	}{
		{"GET", "/v2/", "", "", 401},
		{"GET", "/v2/", "me", password, 200},
		{"GET", "/v2/", "me", "wrong", 401},
		{"GET", "/v2/app/blobs/" + d, "", "", 200},
		{"POST", "/v2/app/blobs/uploads/", "", "", 401},
		{"POST", "/v2/app/blobs/uploads/", "me", "wrong", 401},
		{"POST", "/v2/app/blobs/uploads/", "me", "", 401},
		{"POST", "/v2/app/blobs/uploads/", "me", password, 202},
		{"DELETE", "/v2/app/blobs/" + d, "", "", 401},
		{"PUT", "/v2/app/manifests/x", "", "", 401},
	} {
		resp := do(c.method, c.path, c.user, c.pass)
		if resp.StatusCode != c.status {
			t.Errorf("%s %s as %q/%q: %s", c.method, c.path, c.user, c.pass, resp.Status)
		}
		if resp.StatusCode == 401 && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer realm=") {
			t.Errorf("%s %s: no challenge", c.method, c.path)
		}
	}
}

func TestNoPasswordLetsNobodyWrite(t *testing.T) {
	f := serve(t, registry.Options{})
	req, err := http.NewRequestWithContext(t.Context(), "POST", "/v2/app/blobs/uploads/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("me", "")
	w := &recorder{header: http.Header{}}
	registry.Handler(f.store, registry.Auth{}).ServeHTTP(w, req)
	if w.status != 401 {
		t.Errorf("status %d", w.status)
	}
}

type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

func TestNamesAndMethods(t *testing.T) {
	f := serve(t, registry.Options{})
	f.want(400, "NAME_INVALID", "GET", "/v2/UPPER/manifests/x", nil)
	f.want(400, "NAME_INVALID", "GET", "/v2/a__-b/manifests/x", nil)
	f.want(400, "NAME_INVALID", "GET", "/v2/"+strings.Repeat("a", 256)+"/manifests/x", nil)
	f.want(405, "UNSUPPORTED", "PATCH", "/v2/app/manifests/x", nil)
	f.want(405, "UNSUPPORTED", "PUT", "/v2/app/blobs/"+sha(nil), nil)
	f.want(405, "UNSUPPORTED", "POST", "/v2/app/tags/list", nil)
	f.want(404, "UNSUPPORTED", "GET", "/v2/_catalog", nil)
	f.image("blobs/manifests/tags", "v1", "{}") // words of the routes in a name
	f.want(200, "", "GET", "/v2/blobs/manifests/tags/manifests/v1", nil)
	f.want(200, "", "GET", "/v2/blobs/manifests/tags/tags/list", nil)
}
