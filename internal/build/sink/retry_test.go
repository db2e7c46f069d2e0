package sink_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/davit-dev/davit/internal/build/sink"
)

// reset breaks the connection after some of the body.
func reset(w http.ResponseWriter, r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, 10)
	panic(http.ErrAbortHandler)
}

// tooMany tells to go away.
func tooMany(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }

func broken(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprint(w, `{"errors":[{"code":"INTERNAL_ERROR","message":"disk"}]}`)
}

// Every kind of request fails twice, in each way, and in the end all is there.
func TestPushTriesAgain(t *testing.T) {
	for fault, fail := range map[string]func(http.ResponseWriter, *http.Request){"reset": reset, "429": tooMany, "500": broken} {
		for _, method := range []string{"GET", "HEAD", "POST", "PATCH", "PUT"} {
			t.Run(fault+" "+method, func(t *testing.T) {
				s := serve(t)
				var failed atomic.Int32
				s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method != method || failed.Add(1) > 2 {
						return false
					}
					fail(w, r)
					return true
				}
				image := several(t, strings.Repeat("content", 1000), "linux/amd64", "linux/arm64")
				var done, total int64
				p := sink.Pusher{Progress: func(d, of int64) { done, total = d, of }}.Hurried()
				if err := p.Push(t.Context(), image, places(t, s.host+"/x:v1")...); err != nil {
					t.Fatal(err)
				}
				if failed.Load() < 3 || done != total {
					t.Errorf("%d requests; %d of %d bytes", failed.Load(), done, total)
				}
				s.meddle = nil
				pulled(t, s.host+"/x:v1", digestOf(t, image))
			})
		}
	}
}

func TestPushGivesUp(t *testing.T) {
	for status, want := range map[int]struct {
		tries  int
		advice string
	}{
		400: {1, "400"},
		401: {1, "docker login"},
		403: {1, "does not let you write"},
		404: {1, "has no repository x"},
		405: {1, "read-only"},
		413: {1, "client_max_body_size"},
		429: {5, "asked too much"},
		500: {5, "tried 5 times"},
		501: {1, "does not take images"},
		503: {5, "tried 5 times"},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s := serve(t)
			s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "manifests") {
					w.WriteHeader(status)
					return true
				}
				return false
			}
			err := sink.Pusher{}.Hurried().Push(t.Context(), single(t, "one"), places(t, s.host+"/x:v1")...)
			if err == nil || !strings.Contains(err.Error(), want.advice) || !strings.Contains(err.Error(), s.host+"/x:v1") {
				t.Errorf("got %v, want %q", err, want.advice)
			}
			if n := s.count("PUT", "manifests"); n != want.tries {
				t.Errorf("tried %d times, want %d", n, want.tries)
			}
		})
	}
}

func TestPushWaitsAsLongAsItIsTold(t *testing.T) {
	s := serve(t)
	var refused atomic.Int64 // when, in nanoseconds
	var waited atomic.Int64
	s.meddle = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "manifests") {
			return false
		}
		if at := refused.Load(); at != 0 {
			waited.Store(time.Now().UnixNano() - at)
			return false
		}
		refused.Store(time.Now().UnixNano())
		w.Header().Set("Retry-After", "1")
		tooMany(w, r)
		return true
	}
	if err := (sink.Pusher{}.Hurried()).Push(t.Context(), single(t, "one"), places(t, s.host+"/x:v1")...); err != nil {
		t.Fatal(err)
	}
	if waited := time.Duration(waited.Load()); waited < 900*time.Millisecond {
		t.Errorf("waited %v of 1 s", waited)
	}
}

func TestPushExplains(t *testing.T) {
	one := single(t, "one")
	answer := func(status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	for want, meddle := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"does not accept the name": answer(400, `{"errors":[{"code":"NAME_INVALID","message":"two parts"}]}`),
		"sends uploads on to a private address": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				w.Header().Set("Location", "http://169.254.169.254/latest")
				w.WriteHeader(http.StatusAccepted)
			}
			return r.Method == http.MethodPost
		},
	} {
		s := serve(t)
		s.meddle = meddle
		if err := (sink.Pusher{}.Hurried()).Push(t.Context(), one, places(t, s.host+"/x:v1")...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for ref, want := range map[string]string{
		"127.0.0.1:1/x:v1":              "nothing listens at 127.0.0.1:1",
		"registry.davit.invalid/x/y:v1": "name server",
	} {
		if err := (sink.Pusher{}.Hurried()).Push(t.Context(), one, places(t, ref)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// vast is a layer that nobody could hold: so many zeros.
type vast struct{ v1.Layer }

const vastSize = 256 << 20

func (vast) Digest() (v1.Hash, error) {
	return v1.NewHash("sha256:a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484")
}
func (v vast) DiffID() (v1.Hash, error)          { return v.Digest() }
func (vast) Size() (int64, error)                { return vastSize, nil }
func (vast) MediaType() (types.MediaType, error) { return types.OCIUncompressedLayer, nil }
func (vast) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(zeros{}, vastSize)), nil
}
func (v vast) Uncompressed() (io.ReadCloser, error) { return v.Compressed() }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// lyingLayer holds other bytes than it says, as many.
type lyingLayer struct{ v1.Layer }

func (l lyingLayer) Compressed() (io.ReadCloser, error) {
	size, err := l.Size()
	return io.NopCloser(io.LimitReader(zeros{}, size)), err
}

// discarding is a registry that takes all and keeps nothing.
type discarding struct{}

func (discarding) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Location", r.URL.Path)
	switch r.Method {
	case http.MethodHead:
		w.WriteHeader(http.StatusNotFound)
	case http.MethodPost, http.MethodPatch:
		w.WriteHeader(http.StatusAccepted)
	case http.MethodPut:
		w.WriteHeader(http.StatusCreated)
	}
}
