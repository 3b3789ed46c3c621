package api

import "servery/engine/gateway/inference"

// InferenceTables are the rows that are kept of requests.
type InferenceTables interface {
	// Tables reads them.
	Tables() *inference.Reader
	// TablesFailed says why rows are not kept at the moment, "" where they are.
	TablesFailed() string
}
