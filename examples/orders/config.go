package main

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
)

// config is what the environment says.
type config struct {
	address   string  // HOST:PORT; without HOST on all interfaces, without PORT on 8080
	version   string  // ORDERS_VERSION, shown at GET /version
	failShare float64 // ORDERS_FAIL_SHARE: part of GET /orders/{id} that is answered with 500
}

func configFrom(getenv func(string) string) (config, error) {
	cfg := config{
		address: net.JoinHostPort(getenv("HOST"), cmp.Or(getenv("PORT"), "8080")),
		version: cmp.Or(getenv("ORDERS_VERSION"), "dev"),
	}
	if text := getenv("ORDERS_FAIL_SHARE"); text != "" {
		share, err := strconv.ParseFloat(text, 64)
		if err != nil || !(share >= 0 && share <= 1) {
			return config{}, fmt.Errorf("ORDERS_FAIL_SHARE: %q is not a number from 0 to 1", text)
		}
		cfg.failShare = share
	}
	return cfg, nil
}
