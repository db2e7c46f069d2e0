package registry_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/registry"
)

// clock is a time that tests move.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(by time.Duration) { c.ahead.Add(int64(by)) }

func (f *fixture) collect() registry.Collected {
	f.t.Helper()
	done, err := f.store.Collect(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return done
}

func (f *fixture) gone(digest string) bool {
	_, err := os.Stat(f.file(digest))
	return os.IsNotExist(err)
}

// TestReliability03ThePushWins collects while an image is pushed that uses a
// layer again which nothing names any more.
func TestReliability03ThePushWins(t *testing.T) {
	var c clock
	f := serve(t, registry.Options{Now: c.now, Grace: 24 * time.Hour})
	reused, forgotten := []byte("used again"), []byte("forgotten")
	_, old := f.image("app", "old", "{}", reused, forgotten)
	f.want(202, "", "DELETE", "/v2/app/manifests/"+old, nil)
	c.forward(23 * time.Hour)
	f.want(200, "", "HEAD", "/v2/app/blobs/"+sha(reused), nil) // so the client does not push it
	f.want(200, "", "HEAD", "/v2/app/blobs/"+sha([]byte("{}")), nil)
	c.forward(2 * time.Hour)
	if done := f.collect(); done.Links != 1 || done.Blobs != 2 || done.Bytes == 0 {
		t.Errorf("collected %+v; want the forgotten layer, and the files of it and of the manifest", done)
	}
	if !f.gone(sha(forgotten)) || !f.gone(old) {
		t.Error("what nothing needs is still there")
	}
	f.want(404, "", "HEAD", "/v2/app/blobs/"+sha(forgotten), nil)

	manifest := []byte(fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":[%s]}`,
		descriptor("application/vnd.oci.image.config.v1+json", sha([]byte("{}")), 2),
		descriptor("application/vnd.oci.image.layer.v1.tar", sha(reused), len(reused))))
	f.want(201, "", "PUT", "/v2/app/manifests/new", manifest, "Content-Type", imageType)
	c.forward(1000 * time.Hour)
	if done := f.collect(); done != (registry.Collected{}) {
		t.Errorf("collected %+v of an image that is there", done)
	}
	if a := f.want(200, "", "GET", "/v2/app/blobs/"+sha(reused), nil); !bytes.Equal(a.body, reused) {
		t.Errorf("got %q", a.body)
	}
}

func TestGraceBeginsWhenAManifestIsDeleted(t *testing.T) {
	var c clock
	f := serve(t, registry.Options{Now: c.now, Grace: 24 * time.Hour})
	layer := []byte("layer")
	_, d := f.image("app", "v1", "{}", layer)
	c.forward(1000 * time.Hour)
	f.want(200, "", "HEAD", "/v2/app/blobs/"+sha(layer), nil) // a push that is under way
	f.want(202, "", "DELETE", "/v2/app/manifests/"+d, nil)
	f.collect()
	f.want(200, "", "GET", "/v2/app/blobs/"+sha(layer), nil)
	c.forward(25 * time.Hour)
	f.collect()
	f.want(404, "BLOB_UNKNOWN", "GET", "/v2/app/blobs/"+sha(layer), nil)
}

func TestABlobStaysWhileOneRepositoryHasIt(t *testing.T) {
	var c clock
	f := serve(t, registry.Options{Now: c.now, Grace: time.Hour})
	layer := []byte("layer")
	f.image("one", "v1", "{}", layer)
	_, d := f.image("two", "v1", `{"a":1}`, layer)
	f.want(202, "", "DELETE", "/v2/two/manifests/"+d, nil)
	c.forward(2 * time.Hour)
	if done := f.collect(); done.Links != 2 || done.Blobs != 2 {
		t.Errorf("collected %+v; want the config and the manifest of two", done)
	}
	f.want(404, "BLOB_UNKNOWN", "GET", "/v2/two/blobs/"+sha(layer), nil)
	f.want(200, "", "GET", "/v2/one/blobs/"+sha(layer), nil)
	f.want(201, "", "POST", "/v2/two/blobs/uploads/?mount="+sha(layer)+"&from=one", nil)
}

func TestRootsGoWithTheirManifests(t *testing.T) {
	var c clock
	f := serve(t, registry.Options{Now: c.now, Grace: time.Hour})
	_, d := f.image("app", "v1", "{}", archive(t, tar.Header{Name: "a", Typeflag: tar.TypeReg}))
	image, err := f.store.Unpack(t.Context(), "app", d)
	if err != nil {
		t.Fatal(err)
	}
	c.forward(2 * time.Hour)
	if f.collect(); len(image.Root) == 0 {
		t.Fatal("it has no root")
	}
	if _, err := os.Stat(image.Root); err != nil {
		t.Fatal(err)
	}
	f.want(202, "", "DELETE", "/v2/app/manifests/"+d, nil)
	c.forward(2 * time.Hour)
	if done := f.collect(); done.Roots != 1 {
		t.Errorf("collected %+v", done)
	}
	if _, err := os.Stat(image.Root); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestReliability01RestingUploadsAreSwept begins an upload and never goes on.
func TestReliability01RestingUploadsAreSwept(t *testing.T) {
	var c clock
	f := serve(t, registry.Options{Now: c.now, Grace: time.Hour})
	begin := func() string {
		return "http://" + f.host + f.want(202, "", "POST", "/v2/app/blobs/uploads/", nil).Header.Get("Location")
	}
	resting := begin()
	f.want(202, "", "PATCH", resting, []byte("half of it"))
	if done := f.collect(); done.Uploads != 0 {
		t.Errorf("swept %+v within the grace", done)
	}
	f.want(204, "", "GET", resting, nil)
	c.forward(2 * time.Hour)
	if done := f.collect(); done.Uploads != 1 {
		t.Errorf("swept %+v", done)
	}
	f.want(404, "BLOB_UPLOAD_UNKNOWN", "PATCH", resting, []byte("the rest"))
}

// TestCollectionBesidePushes lets several clients push the same blobs, name them,
// and delete the names, while everything is collected as soon as it may be. The
// clock runs so fast that the grace is over within moments. A manifest that was
// acknowledged has all its blobs.
func TestCollectionBesidePushes(t *testing.T) {
	const speed, clients, rounds = 10_000, 4, 25
	start := time.Now()
	f := serve(t, registry.Options{Grace: 20 * time.Minute, Now: func() time.Time { return start.Add(speed * time.Since(start)) }})
	ctx, stop := context.WithCancel(t.Context())
	var collected registry.Collected
	var collector, pushers sync.WaitGroup
	collector.Go(func() {
		for ctx.Err() == nil {
			done, err := f.store.Collect(t.Context())
			if err != nil {
				t.Error(err)
			}
			collected.Links += done.Links
			collected.Blobs += done.Blobs
		}
	})
	var acknowledged atomic.Int64
	for client := range clients {
		pushers.Go(func() {
			for round := range rounds {
				if f.pushAndPull(client, round) {
					acknowledged.Add(1)
				}
			}
		})
	}
	pushers.Wait()
	stop()
	collector.Wait()
	t.Logf("%d of %d manifests were acknowledged, %+v was collected", acknowledged.Load(), clients*rounds, collected)
	if acknowledged.Load() == 0 || collected.Blobs == 0 || collected.Links == 0 {
		t.Error("pushes and collection did not meet")
	}
}

// pushAndPull pushes an image, pulls it, and deletes it again. The push may come
// too late for its grace and be refused.
func (f *fixture) pushAndPull(client, round int) (acknowledged bool) {
	config := fmt.Appendf(nil, `{"client":%d,"round":%d}`, client, round) // nobody pushes it again
	layer := fmt.Appendf(nil, "layer %d", round%3)
	for _, data := range [][]byte{config, layer} {
		f.want(201, "", "POST", "/v2/app/blobs/uploads/?digest="+sha(data), data)
	}
	manifest := fmt.Appendf(nil, `{"schemaVersion":2,"config":%s,"layers":[%s]}`,
		descriptor("application/vnd.oci.image.config.v1+json", sha(config), len(config)),
		descriptor("application/vnd.oci.image.layer.v1.tar", sha(layer), len(layer)))
	a := f.do("PUT", "/v2/app/manifests/"+sha(manifest), manifest, "Content-Type", imageType)
	if a.StatusCode == http.StatusNotFound {
		return false
	}
	if a.StatusCode != http.StatusCreated {
		f.t.Errorf("%s %s", a.Status, a.body)
	}
	for _, data := range [][]byte{config, layer} {
		if a := f.do("GET", "/v2/app/blobs/"+sha(data), nil); !bytes.Equal(a.body, data) {
			f.t.Errorf("a blob of an image that was acknowledged: %s %s", a.Status, a.body)
		}
	}
	if a := f.do("GET", "/v2/app/manifests/"+sha(manifest), nil); !bytes.Equal(a.body, manifest) {
		f.t.Errorf("a manifest that was acknowledged: %s %s", a.Status, a.body)
	}
	f.want(202, "", "DELETE", "/v2/app/manifests/"+sha(manifest), nil)
	return true
}

func TestRunCollectsFromTimeToTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store, err := registry.Open(dir, registry.Options{Grace: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- store.Run(ctx) }()
		resting := dir + "/uploads/resting"
		if err := os.WriteFile(resting, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(resting, time.Time{}, time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if _, err := os.Stat(resting); !os.IsNotExist(err) {
			t.Errorf("nothing was collected: %v", err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}
