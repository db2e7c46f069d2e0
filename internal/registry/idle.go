package registry

import (
	"io"
	"net/http"
	"time"
)

// idleLimit is how long a client may send nothing in the middle of a body. An
// upload belongs to one request at a time, and a client that lost its connection
// without the server's knowledge could not go on before.
const idleLimit = time.Minute

// awake reads a request's body and gives up when nothing comes.
type awake struct {
	from    io.Reader
	control *http.ResponseController
}

func bodyOf(w http.ResponseWriter, r *http.Request) io.Reader {
	return awake{r.Body, http.NewResponseController(w)}
}

// Read implements io.Reader.
func (a awake) Read(p []byte) (int, error) {
	_ = a.control.SetReadDeadline(time.Now().Add(idleLimit)) // without deadlines it waits for the connection to end
	n, err := a.from.Read(p)
	if err != nil {
		_ = a.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
