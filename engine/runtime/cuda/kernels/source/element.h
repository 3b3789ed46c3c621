// Elements in memory: each type is loaded into the type that a kernel computes in, and stored from it.
#pragma once
#include "device.h"

// The numbers are ONNX's (TensorProto.DataType).
enum Type : uint8 {
	Float32 = 1, Uint8 = 2, Int8 = 3, Uint16 = 4, Int16 = 5, Int32 = 6, Int64 = 7, Bool = 9,
	Float16 = 10, Float64 = 11, Uint32 = 12, Uint64 = 13, BFloat16 = 16,
};

template <class T> INLINE T load(const void *at, int64 i, uint8 type) {
	switch (type) {
	case Float32: return (T)((const float *)at)[i];
	case Float16: return (T)half_to_float(((const uint16 *)at)[i]);
	case BFloat16: return (T)bfloat_to_float(((const uint16 *)at)[i]);
	case Float64: return (T)((const double *)at)[i];
	case Uint8: case Bool: return (T)((const uint8 *)at)[i];
	case Int8: return (T)((const int8 *)at)[i];
	case Uint16: return (T)((const uint16 *)at)[i];
	case Int16: return (T)((const int16 *)at)[i];
	case Int32: return (T)((const int32 *)at)[i];
	case Uint32: return (T)((const uint32 *)at)[i];
	case Uint64: return (T)((const uint64 *)at)[i];
	default: return (T)((const int64 *)at)[i];
	}
}

template <class T> INLINE void store(void *at, int64 i, uint8 type, T v) {
	switch (type) {
	case Float32: ((float *)at)[i] = (float)v; return;
	case Float16: ((uint16 *)at)[i] = float_to_half((float)v); return;
	case BFloat16: ((uint16 *)at)[i] = float_to_bfloat((float)v); return;
	case Float64: ((double *)at)[i] = (double)v; return;
	case Bool: ((uint8 *)at)[i] = v != 0; return;
	case Uint8: ((uint8 *)at)[i] = (uint8)(int64)v; return;
	case Int8: ((int8 *)at)[i] = (int8)(int64)v; return;
	case Uint16: ((uint16 *)at)[i] = (uint16)(int64)v; return;
	case Int16: ((int16 *)at)[i] = (int16)(int64)v; return;
	case Int32: ((int32 *)at)[i] = (int32)v; return;
	case Uint32: ((uint32 *)at)[i] = (uint32)(int64)v; return;
	case Uint64: ((uint64 *)at)[i] = (uint64)v; return;
	default: ((int64 *)at)[i] = (int64)v;
	}
}

