// Package certificate turns the names of hosts into certificates that are good now:
// for names of the world from a CA that speaks ACME (RFC 8555), when there is one,
// and for all others from an authority of its own. The Keeper obtains them, keeps
// them in a folder, renews them in time, and hands on all that it has whenever that
// changes.
//
// Its invariants: a name whose certificate cannot be had costs the others nothing,
// and what was had is shown until there is something better; each failure is
// in the status and in the log once; nothing is asked of a CA for a name that was not
// wanted. Keys stay in the folder and with who shows them.
//
// The package imports internal/x packages and certmagic only: it knows neither the
// edge nor releases.
package certificate
