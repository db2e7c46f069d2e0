package traffic_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// callee is a gRPC service whose calls a test steers.
type callee struct {
	pb.UnimplementedTestServiceServer
	goOn  chan struct{}      // lets a stream send its next message
	ended chan error         // why the context of a blocked call ended
	began chan time.Duration // what is left of its deadline, 0 for none
}

func newCallee(tb testing.TB) (*callee, *traffic.Target) {
	tb.Helper()
	c := &callee{goOn: make(chan struct{}), ended: make(chan error, 1), began: make(chan time.Duration, 1)}
	l := listen(tb)
	s := grpc.NewServer()
	pb.RegisterTestServiceServer(s, c)
	go func() { _ = s.Serve(l) }()
	tb.Cleanup(s.Stop)
	return c, target("r1", l.Addr().String())
}

// UnaryCall echoes the payload and the caller's metadata, or fails as it is told.
func (c *callee) UnaryCall(ctx context.Context, in *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if s := in.ResponseStatus; s != nil && s.Code != 0 {
		return nil, status.Error(codes.Code(s.Code), s.Message)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	_ = grpc.SetHeader(ctx, metadata.Pairs("x-header", strings.Join(md["x-mine"], "|")))
	_ = grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "at the end", "x-binary-bin", "\x00\xff"))
	return &pb.SimpleResponse{Payload: in.Payload}, nil
}

// EmptyCall blocks until its context ends.
func (c *callee) EmptyCall(ctx context.Context, _ *pb.Empty) (*pb.Empty, error) {
	left := time.Duration(0)
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	c.began <- left
	<-ctx.Done()
	c.ended <- ctx.Err()
	return nil, ctx.Err()
}

// StreamingOutputCall sends a message each time it may go on, and ends with the
// status that it is told.
func (c *callee) StreamingOutputCall(in *pb.StreamingOutputCallRequest, out grpc.ServerStreamingServer[pb.StreamingOutputCallResponse]) error {
	for _, p := range in.ResponseParameters {
		<-c.goOn
		if err := out.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: make([]byte, p.Size)}}); err != nil {
			return err
		}
	}
	<-c.goOn
	return status.Error(codes.Code(in.ResponseStatus.GetCode()), in.ResponseStatus.GetMessage())
}

// StreamingInputCall adds up.
func (c *callee) StreamingInputCall(in grpc.ClientStreamingServer[pb.StreamingInputCallRequest, pb.StreamingInputCallResponse]) error {
	size := 0
	for {
		m, err := in.Recv()
		if errors.Is(err, io.EOF) {
			return in.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(size)})
		}
		if err != nil {
			return err
		}
		size += len(m.Payload.Body)
	}
}

// FullDuplexCall echoes message by message, and breaks off at an empty one.
func (c *callee) FullDuplexCall(both grpc.BidiStreamingServer[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]) error {
	for {
		m, err := both.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(m.GetPayload().GetBody()) == 0 {
			return status.Error(codes.Aborted, "empty")
		}
		if err := both.Send(&pb.StreamingOutputCallResponse{Payload: m.Payload}); err != nil {
			return err
		}
	}
}

// caller is a gRPC client of the app "a" behind the edge.
func (r *rig) caller(tb testing.TB) pb.TestServiceClient {
	tb.Helper()
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(r.url, "http://"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("a"), grpc.WithDisableRetry())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return pb.NewTestServiceClient(conn)
}

func TestGRPCCallsPass(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	callee, target := newCallee(t)
	r.route(t, target, nil, 0)
	client := r.caller(t)

	t.Run("unary", func(t *testing.T) {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-mine", "kept", "x-forwarded-for", "6.6.6.6")
		var header, trailer metadata.MD
		sent := &pb.SimpleRequest{Payload: &pb.Payload{Body: []byte(strings.Repeat("x", 1<<20))}}
		got, err := client.UnaryCall(ctx, sent, grpc.Header(&header), grpc.Trailer(&trailer))
		if err != nil || len(got.Payload.Body) != 1<<20 {
			t.Fatal(got, err)
		}
		if header["x-header"][0] != "kept" || trailer["x-trailer"][0] != "at the end" || trailer["x-binary-bin"][0] != "\x00\xff" {
			t.Errorf("header %v, trailer %v", header, trailer)
		}
	})
	t.Run("status", func(t *testing.T) {
		_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: int32(codes.NotFound), Message: "no ürder"}})
		if s := status.Convert(err); s.Code() != codes.NotFound || s.Message() != "no ürder" {
			t.Error(err)
		}
		if _, err := client.UnimplementedCall(t.Context(), &pb.Empty{}); status.Code(err) != codes.Unimplemented {
			t.Error(err)
		}
	})
	t.Run("server stream", func(t *testing.T) {
		stream, err := client.StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{
			ResponseParameters: []*pb.ResponseParameters{{Size: 1}, {Size: 2}},
			ResponseStatus:     &pb.EchoStatus{Code: int32(codes.Aborted), Message: "half"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for size := 1; size <= 2; size++ {
			callee.goOn <- struct{}{} // only then is the next one sent
			if m, err := stream.Recv(); err != nil || len(m.Payload.Body) != size {
				t.Fatal(m, err)
			}
		}
		callee.goOn <- struct{}{}
		if _, err := stream.Recv(); status.Code(err) != codes.Aborted {
			t.Error(err)
		}
	})
	t.Run("client stream", func(t *testing.T) {
		stream, err := client.StreamingInputCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if err := stream.Send(&pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, 1000)}}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := stream.CloseAndRecv(); err != nil || got.AggregatedPayloadSize != 100_000 {
			t.Error(got, err)
		}
	})
	t.Run("both ways", func(t *testing.T) {
		stream, err := client.FullDuplexCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"one", "two", "three"} {
			if err := stream.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: []byte(text)}}); err != nil {
				t.Fatal(err)
			}
			if m, err := stream.Recv(); err != nil || string(m.Payload.Body) != text {
				t.Fatal(m, err)
			}
		}
		_ = stream.CloseSend()
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
	t.Run("ended by the service", func(t *testing.T) {
		stream, err := client.FullDuplexCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"one", ""} {
			if err := stream.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: []byte(text)}}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); status.Code(err) != codes.Aborted {
			t.Error(err)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := client.EmptyCall(ctx, &pb.Empty{}); status.Code(err) != codes.DeadlineExceeded {
			t.Error(err)
		}
		if left := <-callee.began; left <= 0 || left > 2*time.Second {
			t.Errorf("the service saw a deadline in %v", left)
		}
		if err := <-callee.ended; err == nil {
			t.Error("the context of the call has not ended")
		}
	})
	t.Run("cancellation", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-callee.began
			cancel()
		}()
		if _, err := client.EmptyCall(ctx, &pb.Empty{}); status.Code(err) != codes.Canceled {
			t.Error(err)
		}
		if err := <-callee.ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// resetter is a service that resets the stream of every call after a while.
func resetter(tb testing.TB, after time.Duration) *traffic.Target {
	tb.Helper()
	l := listen(tb)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{Protocols: &protocols, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		time.Sleep(after)
		panic(http.ErrAbortHandler)
	})}
	go func() { _ = s.Serve(l) }()
	tb.Cleanup(func() { _ = s.Close() })
	return target("r1", l.Addr().String())
}

// A service may end a call at its deadline by a reset alone, before the client has
// seen that it is over.
func TestGRPCCallThatIsReset(t *testing.T) {
	for deadline, want := range map[string]string{"5m": "4", "20S": "14", "": "14", "x": "14"} {
		t.Run(deadline, func(t *testing.T) {
			r := newRig(t, t.TempDir(), nil)
			r.route(t, resetter(t, 10*time.Millisecond), nil, 0)
			var protocols http.Protocols
			protocols.SetUnencryptedHTTP2(true)
			transport := &http.Transport{Protocols: &protocols}
			defer transport.CloseIdleConnections()
			req := request(t, http.MethodPost, r.url+"/a.B/C", "a", "\x00\x00\x00\x00\x00")
			req.Header = http.Header{"Content-Type": {"application/grpc+proto"}, "Te": {"trailers"}}
			if deadline != "" {
				req.Header.Set("Grpc-Timeout", deadline)
			}
			res, err := transport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got := res.Header.Get("Grpc-Status"); got != want || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/grpc" {
				t.Errorf("got %d, %v; want the status %s", res.StatusCode, res.Header, want)
			}
		})
	}
}

func TestGRPCStatusIsTheOutcome(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	callee, target := newCallee(t)
	r.route(t, target, nil, 0)
	client := r.caller(t)
	go func() {
		for {
			select {
			case callee.goOn <- struct{}{}:
			case <-t.Context().Done():
				return
			}
		}
	}()
	failing := map[codes.Code]bool{
		codes.Unknown: true, codes.DeadlineExceeded: true, codes.Unimplemented: true,
		codes.Internal: true, codes.Unavailable: true, codes.DataLoss: true,
	}
	before := r.scored(t)
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		told := &pb.EchoStatus{Code: int32(code)}
		for kind, call := range map[string]func() error{
			"without a message": func() error {
				_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{ResponseStatus: told})
				return err
			},
			"behind a message": func() error {
				stream, err := client.StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{
					ResponseParameters: []*pb.ResponseParameters{{Size: 1}}, ResponseStatus: told,
				})
				for err == nil {
					_, err = stream.Recv()
				}
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			},
		} {
			if err := call(); status.Code(err) != code {
				t.Fatalf("%v %s: %v", code, kind, err)
			}
			// The outcome is there at the latest when the exchange ends.
			eventually(t, "the call has an outcome", func() bool { return r.scored(t).Requests > before.Requests })
			after := r.scored(t)
			if failed := after.Failed > before.Failed; failed != failing[code] {
				t.Errorf("%v %s: failed is %v", code, kind, failed)
			}
			before = after
		}
	}
}

// scored is what the edge has counted of the only version.
func (r *rig) scored(tb testing.TB) traffic.VersionStatus {
	tb.Helper()
	return r.label(tb, "r1")
}

func TestGRPCStreamsCountWhileTheyLast(t *testing.T) {
	r := newRig(t, t.TempDir(), nil)
	callee, target := newCallee(t)
	r.route(t, target, nil, 0)
	stream, err := r.caller(t).StreamingOutputCall(t.Context(), &pb.StreamingOutputCallRequest{
		ResponseParameters: []*pb.ResponseParameters{{Size: 1}}, ResponseStatus: &pb.EchoStatus{Code: int32(codes.Internal)},
	})
	if err != nil {
		t.Fatal(err)
	}
	callee.goOn <- struct{}{}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the open stream is counted", func() bool { return r.scored(t).Requests == 1 })
	callee.goOn <- struct{}{}
	if _, err := stream.Recv(); status.Code(err) != codes.Internal {
		t.Error(err)
	}
	eventually(t, "the stream is over", func() bool { return r.scored(t).InFlight == 0 })
	if v := r.scored(t); v.Requests != 1 || v.Failed != 0 {
		t.Errorf("%d requests, %d failed: what ends a long stream is not counted", v.Requests, v.Failed)
	}
}

// TestHTTP2IsKeptWhereTheVersionSpeaksIt asks versions of either kind over HTTP/1
// and HTTP/2.
func TestHTTP2IsKeptWhereTheVersionSpeaksIt(t *testing.T) {
	var both, only1 http.Protocols
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	only1.SetHTTP1(true)
	for name, c := range map[string]struct {
		speaks *http.Protocols
		want   string // for HTTP/2
	}{"both": {&both, "HTTP/2.0"}, "HTTP/1 only": {&only1, "HTTP/1.1"}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, t.TempDir(), nil)
			var asked atomic.Int64
			l := listen(t)
			s := &http.Server{Protocols: c.speaks, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				_, _ = io.Copy(io.Discard, req.Body)
				if req.Method == "PRI" {
					asked.Add(1)
				}
				_, _ = io.WriteString(w, req.Proto)
			})}
			go func() { _ = s.Serve(l) }()
			t.Cleanup(func() { s.Close() })
			r.route(t, target("r1", l.Addr().String()), nil, 0)
			if _, got := r.do(t, http.MethodPost, "x"); got != "HTTP/1.1" {
				t.Errorf("HTTP/1 arrived as %s", got)
			}
			var prior http.Protocols
			prior.SetUnencryptedHTTP2(true)
			transport := &http.Transport{Protocols: &prior}
			t.Cleanup(transport.CloseIdleConnections)
			for range 3 {
				res, err := transport.RoundTrip(request(t, http.MethodPost, r.url, "a", "x"))
				if err != nil {
					t.Fatal(err)
				}
				got, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if string(got) != c.want || res.ProtoMajor != 2 {
					t.Errorf("HTTP/2 arrived as %s and was answered in %s", got, res.Proto)
				}
			}
			if asked.Load() > 1 {
				t.Errorf("the version was asked %d times", asked.Load())
			}
			if v := r.label(t, "r1"); v.Failed != 0 || v.Requests != 4 {
				t.Errorf("%d of %d failed", v.Failed, v.Requests)
			}
		})
	}
}

// TestHTTP2OfARefusingVersionFallsBack: who cannot be asked has not answered, and
// the call goes to the stable version as any other request does.
func TestHTTP2OfARefusingVersionFallsBack(t *testing.T) {
	r := newRig(t, t.TempDir(), func(_ *traffic.Config, d *traffic.Deps) { d.Draw = func() float64 { return 0 } })
	_, stable := newCallee(t)
	r.route(t, stable, refusing(t, "r2"), 1)
	got, err := r.caller(t).UnaryCall(t.Context(), &pb.SimpleRequest{Payload: &pb.Payload{Body: []byte("x")}})
	if err != nil || string(got.Payload.Body) != "x" {
		t.Errorf("%v, %v", got, err)
	}
	if v := r.label(t, "r2"); v.Failed != 1 {
		t.Errorf("the canary that refuses has failed %d times", v.Failed)
	}
}
