package ortlib

// SHA256 gives the digest of the library as npm's package onnxruntime-node@1.30.0 holds
// it, by "GOOS/GOARCH". A platform is listed once Servery has been run on it.
// scripts/get-onnxruntime.sh holds the same digests.
var SHA256 = map[string]string{
	"linux/amd64": "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23",
}
