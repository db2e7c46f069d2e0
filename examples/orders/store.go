package main

import (
	"slices"
	"sync"
	"time"
)

// order is what somebody wants to have.
type order struct {
	ID       int       `json:"id"`
	Item     string    `json:"item"`
	Quantity int       `json:"quantity"`
	Created  time.Time `json:"created"`
}

// store keeps orders in memory. It is safe for concurrent use.
type store struct {
	mu     sync.RWMutex
	orders map[int]order
	last   int // the highest ID ever given; none is given twice
}

func newStore(orders []order) *store {
	s := &store{orders: make(map[int]order, len(orders))}
	for _, o := range orders {
		s.orders[o.ID] = o
		s.last = max(s.last, o.ID)
	}
	return s
}

// seed is what a new service begins with.
func seed() []order {
	day := time.Date(2026, time.May, 4, 9, 30, 0, 0, time.UTC)
	return []order{
		{ID: 1, Item: "rope", Quantity: 2, Created: day},
		{ID: 2, Item: "block and tackle", Quantity: 1, Created: day.Add(time.Hour)},
		{ID: 3, Item: "lantern", Quantity: 12, Created: day.Add(2 * time.Hour)},
	}
}

// add stores o under a new ID and returns it as it was stored.
func (s *store) add(o order) order {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	o.ID = s.last
	s.orders[o.ID] = o
	return o
}

func (s *store) get(id int) (order, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, found := s.orders[id]
	return o, found
}

// remove says whether there was such an order.
func (s *store) remove(id int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.orders[id]
	delete(s.orders, id)
	return found
}

// newest returns at most limit orders, the newest first.
func (s *store) newest(limit int) []order {
	s.mu.RLock()
	defer s.mu.RUnlock()
	orders := make([]order, 0, len(s.orders))
	for _, o := range s.orders {
		orders = append(orders, o)
	}
	slices.SortFunc(orders, func(a, b order) int { return b.ID - a.ID })
	return orders[:min(limit, len(orders))]
}
