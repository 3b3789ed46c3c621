package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
)

// keySize is AES-256's.
const keySize = 32

// key encrypts values with AES-256-GCM. Each value has 96 random bits of nonce of its own,
// which stand before it: at 2^32 writes under one key the chance that two are the same is
// 2^-33, and 2^32 writes at one in a millisecond take 50 days.
type key struct {
	aead  cipher.AEAD
	check []byte // tells this key from another without telling the key
}

func newKey(raw []byte) (*key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte("servery secrets: which key"))
	return &key{aead, mac.Sum(nil)[:16]}, nil
}

// seal encrypts a value for its place: moved under another scope or key it does not open.
func (k *key) seal(scope, name string, value []byte) []byte {
	return k.aead.Seal(nil, nil, value, place(scope, name))
}

func (k *key) unseal(scope, name string, sealed []byte) ([]byte, error) {
	return k.aead.Open(nil, nil, sealed, place(scope, name))
}

// place is the associated data. Names have no NUL, so that no two places are the same.
func place(scope, name string) []byte {
	return []byte("servery secret 1\x00" + scope + "\x00" + name)
}
