// The part of ONNX Runtime's C API that Servery calls, in declarations of its own.
//
// OrtApi is a struct of function pointers that only ever grows at its end, so a function
// is known by its index. Each index below is checked against the published header of API
// version 24 by the tests' smoke runs; see docs/adr/0002-onnx-runtime-binding.md.
#ifndef SERVERY_ORT_API_H
#define SERVERY_ORT_API_H

#include <stddef.h>
#include <stdint.h>

// Version 24 is the first with get_tensor_view; ONNX Runtime 1.24 and later offer it.
#define ORT_NEEDED_API 24

typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorInfo OrtTensorInfo;
typedef struct OrtMapInfo OrtMapInfo;
typedef struct OrtSequenceInfo OrtSequenceInfo;
typedef struct OrtOptionalInfo OrtOptionalInfo;

enum { ORT_FAIL = 1, ORT_INVALID_ARGUMENT = 2, ORT_NOT_IMPLEMENTED = 9 };
enum { ORT_LOG_FATAL = 4 };
enum { ORT_OPTIMIZE_ALL = 99 };
enum { ORT_MEMORY_DEFAULT = 0, ORT_ALLOCATOR_DEVICE = 0 };
enum { ORT_ELEMENT_STRING = 8 };
enum { ORT_UNKNOWN, ORT_TENSOR, ORT_SEQUENCE, ORT_MAP, ORT_OPAQUE, ORT_SPARSE, ORT_OPTIONAL };

typedef struct {
	const void *(*get_api)(uint32_t version);
	const char *(*get_version)(void);
} OrtApiBase;

// X(index in OrtApi, result, name here, parameters)
#define ORT_FUNCTIONS(X) \
	X(1, int, get_error_code, (const OrtStatus *)) \
	X(2, const char *, get_error_message, (const OrtStatus *)) \
	X(3, OrtStatus *, create_env, (int severity, const char *id, OrtEnv **)) \
	X(6, OrtStatus *, disable_telemetry, (const OrtEnv *)) \
	X(7, OrtStatus *, create_session, (const OrtEnv *, const char *path, const OrtSessionOptions *, OrtSession **)) \
	X(9, OrtStatus *, run, (OrtSession *, const OrtRunOptions *, const char *const *input_names, const OrtValue *const *inputs, \
		size_t n_inputs, const char *const *output_names, size_t n_outputs, OrtValue **outputs)) \
	X(10, OrtStatus *, create_session_options, (OrtSessionOptions **)) \
	X(19, OrtStatus *, disable_arena, (OrtSessionOptions *)) \
	X(23, OrtStatus *, set_optimization, (OrtSessionOptions *, int level)) \
	X(24, OrtStatus *, set_intra_threads, (OrtSessionOptions *, int)) \
	X(25, OrtStatus *, set_inter_threads, (OrtSessionOptions *, int)) \
	X(30, OrtStatus *, input_count, (const OrtSession *, size_t *)) \
	X(31, OrtStatus *, output_count, (const OrtSession *, size_t *)) \
	X(32, OrtStatus *, overridable_count, (const OrtSession *, size_t *)) \
	X(33, OrtStatus *, input_type, (const OrtSession *, size_t, OrtTypeInfo **)) \
	X(34, OrtStatus *, output_type, (const OrtSession *, size_t, OrtTypeInfo **)) \
	X(35, OrtStatus *, overridable_type, (const OrtSession *, size_t, OrtTypeInfo **)) \
	X(36, OrtStatus *, input_name, (const OrtSession *, size_t, OrtAllocator *, char **)) \
	X(37, OrtStatus *, output_name, (const OrtSession *, size_t, OrtAllocator *, char **)) \
	X(38, OrtStatus *, overridable_name, (const OrtSession *, size_t, OrtAllocator *, char **)) \
	X(39, OrtStatus *, create_run_options, (OrtRunOptions **)) \
	X(46, OrtStatus *, set_terminate, (OrtRunOptions *)) \
	X(47, OrtStatus *, unset_terminate, (OrtRunOptions *)) \
	X(48, OrtStatus *, create_tensor, (OrtAllocator *, const int64_t *shape, size_t rank, int type, OrtValue **)) \
	X(49, OrtStatus *, create_tensor_over, (const OrtMemoryInfo *, void *data, size_t bytes, const int64_t *shape, size_t rank, int type, OrtValue **)) \
	X(50, OrtStatus *, is_tensor, (const OrtValue *, int *)) \
	X(51, OrtStatus *, tensor_data, (OrtValue *, void **)) \
	X(53, OrtStatus *, string_bytes, (const OrtValue *, size_t *)) \
	X(54, OrtStatus *, string_content, (const OrtValue *, void *text, size_t bytes, size_t *offsets, size_t n)) \
	X(55, OrtStatus *, as_tensor_info, (const OrtTypeInfo *, const OrtTensorInfo **)) \
	X(56, OrtStatus *, kind_of_info, (const OrtTypeInfo *, int *)) \
	X(60, OrtStatus *, element_type, (const OrtTensorInfo *, int *)) \
	X(61, OrtStatus *, rank, (const OrtTensorInfo *, size_t *)) \
	X(62, OrtStatus *, dimensions, (const OrtTensorInfo *, int64_t *, size_t)) \
	X(63, OrtStatus *, dimension_names, (const OrtTensorInfo *, const char **, size_t)) \
	X(67, OrtStatus *, kind_of_value, (const OrtValue *, int *)) \
	X(69, OrtStatus *, create_cpu_memory_info, (int allocator, int memory, OrtMemoryInfo **)) \
	X(76, OrtStatus *, allocator_free, (OrtAllocator *, void *)) \
	X(78, OrtStatus *, default_allocator, (OrtAllocator **)) \
	X(80, OrtStatus *, get_value, (const OrtValue *, int index, OrtAllocator *, OrtValue **)) \
	X(81, OrtStatus *, value_count, (const OrtValue *, size_t *)) \
	X(82, OrtStatus *, create_value, (const OrtValue *const *, size_t, int kind, OrtValue **)) \
	X(92, void, release_env, (OrtEnv *)) \
	X(93, void, release_status, (OrtStatus *)) \
	X(94, void, release_memory_info, (OrtMemoryInfo *)) \
	X(95, void, release_session, (OrtSession *)) \
	X(96, void, release_value, (OrtValue *)) \
	X(97, void, release_run_options, (OrtRunOptions *)) \
	X(98, void, release_type_info, (OrtTypeInfo *)) \
	X(100, void, release_session_options, (OrtSessionOptions *)) \
	X(103, OrtStatus *, as_map_info, (const OrtTypeInfo *, const OrtMapInfo **)) \
	X(104, OrtStatus *, as_sequence_info, (const OrtTypeInfo *, const OrtSequenceInfo **)) \
	X(105, OrtStatus *, map_key_type, (const OrtMapInfo *, int *)) \
	X(106, OrtStatus *, map_value_info, (const OrtMapInfo *, OrtTypeInfo **)) \
	X(107, OrtStatus *, sequence_element_info, (const OrtSequenceInfo *, OrtTypeInfo **)) \
	X(130, OrtStatus *, add_session_config, (OrtSessionOptions *, const char *key, const char *value)) \
	X(192, OrtStatus *, has_value, (const OrtValue *, int *)) \
	X(250, OrtStatus *, as_optional_info, (const OrtTypeInfo *, const OrtOptionalInfo **)) \
	X(251, OrtStatus *, optional_contained_info, (const OrtOptionalInfo *, OrtTypeInfo **)) \
	X(252, OrtStatus *, string_buffer, (OrtValue *, size_t index, size_t bytes, char **)) \
	X(414, OrtStatus *, get_tensor_view, (const OrtValue *, int *type, const int64_t **shape, size_t *rank))

// api is the library's functions by the names above.
typedef struct {
#define X(index, result, name, parameters) result(*name) parameters;
	ORT_FUNCTIONS(X)
#undef X
} api;

#endif
