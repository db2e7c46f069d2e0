package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody   = 64 << 10 // bytes of a new order
	maxItem   = 100      // bytes of its item
	maxPieces = 1000
	maxListed = 50 // orders that GET /orders returns
)

// handler answers for the orders in its store.
type handler struct {
	cfg   config
	store *store
	log   *slog.Logger
}

func newHandler(cfg config, store *store, log *slog.Logger) http.Handler {
	h := &handler{cfg: cfg, store: store, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", h.health)
	mux.HandleFunc("GET /version", h.version)
	mux.HandleFunc("GET /orders", h.list)
	mux.HandleFunc("POST /orders", h.create)
	mux.HandleFunc("GET /orders/{id}", h.get)
	mux.HandleFunc("DELETE /orders/{id}", h.remove)
	return logged(log, mux)
}

// health says that the process can answer. It asks nobody else: a database that
// is down does not become better by restarting this service.
func (h *handler) health(w http.ResponseWriter, _ *http.Request) {
	h.reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (h *handler) version(w http.ResponseWriter, _ *http.Request) {
	h.reply(w, http.StatusOK, map[string]string{"version": h.cfg.version})
}

func (h *handler) list(w http.ResponseWriter, _ *http.Request) {
	h.reply(w, http.StatusOK, map[string][]order{"orders": h.store.newest(maxListed)})
}

func (h *handler) create(w http.ResponseWriter, r *http.Request) {
	o, err := decodeOrder(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		h.refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("an order has at most %d bytes", maxBody))
		return
	}
	if err != nil {
		h.refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	o.Created = time.Now().UTC()
	o = h.store.add(o)
	w.Header().Set("Location", fmt.Sprintf("/orders/%d", o.ID))
	h.reply(w, http.StatusCreated, o)
}

func (h *handler) get(w http.ResponseWriter, r *http.Request) {
	// The defect of the tour's second version: no test of the service and no
	// acceptance test asks for a single order, so only real traffic meets it.
	if rand.Float64() < h.cfg.failShare {
		h.refuse(w, http.StatusInternalServerError, "the order could not be read")
		return
	}
	o, found := h.store.get(orderID(r))
	if !found {
		h.refuse(w, http.StatusNotFound, "there is no such order")
		return
	}
	h.reply(w, http.StatusOK, o)
}

func (h *handler) remove(w http.ResponseWriter, r *http.Request) {
	if !h.store.remove(orderID(r)) {
		h.refuse(w, http.StatusNotFound, "there is no such order")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// orderID returns the {id} of the path, or 0, which no order has.
func orderID(r *http.Request) int {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return 0
	}
	return id
}

func (h *handler) refuse(w http.ResponseWriter, status int, reason string) {
	h.reply(w, status, map[string]string{"error": reason})
}

// versionHeader says which version answered, so that a client can tell two
// versions apart while both have traffic.
const versionHeader = "X-Orders-Version"

func (h *handler) reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set(versionHeader, h.cfg.version)
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		h.log.Warn("reply was not taken", "error", err.Error())
	}
}

// decodeOrder reads a new order, strictly: a misspelt field is an error, not an
// order without it.
func decodeOrder(body io.Reader) (order, error) {
	var wanted struct {
		Item     string `json:"item"`
		Quantity int    `json:"quantity"`
	}
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&wanted); err != nil {
		return order{}, fmt.Errorf("the body is not an order: %w", err)
	}
	item := strings.TrimSpace(wanted.Item)
	if item == "" || len(item) > maxItem {
		return order{}, fmt.Errorf("item must have 1 to %d bytes", maxItem)
	}
	if wanted.Quantity < 1 || wanted.Quantity > maxPieces {
		return order{}, fmt.Errorf("quantity must be from 1 to %d", maxPieces)
	}
	return order{Item: item, Quantity: wanted.Quantity}, nil
}
