//go:build !cuda || !linux || !(amd64 || arm64)

// Package standin lets tests steer a stand-in for NVIDIA's driver. It is empty without the build
// tag cuda.
package standin
