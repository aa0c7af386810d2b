// cnnc_runtime.h — everything that a compiled network and its host program share.
//
// The compiler turns a network into one object file. The object holds the arithmetic; what it
// cannot hold is declared here: status codes, the context through which a host lends its threads,
// a pool of threads for hosts that have none of their own, and a check for weights that are
// loaded at run time. An application links its object and this library, nothing else.
//
// A host without threads of its own:
//
//   cnnc_pool* pool;
//   if (cnnc_pool_create(0, &pool) != CNNC_OK) return;  // one thread per processor
//   cnnc_context context;
//   cnnc_context_init(&context);
//   cnnc_context_use_pool(&context, pool);
//   ... call the network with &context, any number of times ...
//   cnnc_pool_destroy(pool);
//
// A host with threads of its own stores its loop in `parallel_for` and whatever the loop needs in
// `host`. A host that wants neither passes a context without a loop, and one thread does all.
//
// What holds everywhere:
// * Nothing prints, aborts or exits. A function returns a status, or it cannot fail.
// * Contexts and pools belong to the caller, and none meets another.
// * The numbers that a network computes do not depend on the loop or on the number of threads.
//   Threads must agree on rounding and on the treatment of denormal numbers: the workers of a
//   pool inherit both from the thread that creates the pool.
// * Only creating a pool allocates memory.
#ifndef CNNC_RUNTIME_H
#define CNNC_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The version of this interface. Compiled networks carry the version that they were built
// against and refuse a context with another one.
#define CNNC_ABI_VERSION 2

// ------------------------------------------------------------------------------------- status

typedef enum cnnc_status {
  CNNC_OK = 0,
  CNNC_INVALID_ARGUMENT = 1,
  CNNC_MISALIGNED = 2,
  CNNC_OUT_OF_MEMORY = 3,
  CNNC_VERSION_MISMATCH = 4,
  CNNC_BAD_WEIGHTS = 5,
  CNNC_INTERNAL = 6,
  CNNC_UNSUPPORTED_CPU = 7,
  CNNC_WORKSPACE_TOO_SMALL = 8
} cnnc_status;

// The status as an English sentence; never NULL, also for values that are no status.
const char* cnnc_status_string(cnnc_status status);

// ------------------------------------------------------------------------------- descriptions

// What headers of compiled networks say of their inputs and outputs: elements ...
#define CNNC_DTYPE_F32 1
#define CNNC_DTYPE_I32 2
#define CNNC_DTYPE_U8 3
// ... and the order of dimensions, the first of them the images.
#define CNNC_LAYOUT_NCHW 1  // channels, height, width
#define CNNC_LAYOUT_NHWC 2  // height, width, channels
#define CNNC_LAYOUT_ROWS 3  // any other number of dimensions, such as [images][features]

// ------------------------------------------------------------------------------------ context

typedef struct cnnc_context cnnc_context;

// The body of a parallel loop: computes the iteration `index`. It returns 0, or a nonzero code
// that ends the loop. It uses up to a few MiB of stack.
typedef int (*cnnc_task)(void* context, int index, uint8_t* closure);

// Calls task(context, i, closure) for every i in [min, min + extent), in any order and on any
// threads, and returns after the last call has returned: 0 if all calls returned 0, else a
// nonzero code that one of them returned. Iterations not begun when a call fails may be left out.
// A task may start a loop of its own. `min + extent` does not exceed INT_MAX + 1.
typedef int (*cnnc_parallel_for_hook)(const cnnc_context* context, cnnc_task task, int min,
                                      int extent, uint8_t* closure);

// Told by networks that were compiled with `cnnc --profile`, on the thread that called the network:
// before (`ends` is 0) and after (`ends` is 1) each kernel. `kernel` is its name, which lives as
// long as the network, and `step` its position in the network, from 0.
typedef void (*cnnc_kernel_hook)(const cnnc_context* context, const char* kernel, int step,
                                 int ends);

// What a host lends to a network. Any number of threads may use one context at the same time as
// long as nobody changes it.
struct cnnc_context {
  uint32_t abi_version;                 // CNNC_ABI_VERSION
  uint32_t reserved;                    // 0
  cnnc_parallel_for_hook parallel_for;  // NULL: loops run on the calling thread
  void* host;                           // for the owner of parallel_for; nobody else reads it
  cnnc_kernel_hook kernel_hook;         // NULL: nobody is told of kernels
  void* profile;                        // for the owner of kernel_hook; nobody else reads it
};

// Makes a context whose loops run on the calling thread.
void cnnc_context_init(cnnc_context* context);

// --------------------------------------------------------------------------------------- pool

// A fixed set of threads that run loops. The thread that starts a loop takes part in it.
//
// Workers keep watching for the next loop for about 50 microseconds before they sleep, so loops
// that follow each other closely are handed over in about a microsecond. The caller never waits
// for a worker that has not begun an iteration. Loops inside the tasks of a pool run on the
// thread that meets them. Where two threads start a loop on one pool at the same time, one of
// them gets the workers and the other runs its loop alone.
typedef struct cnnc_pool cnnc_pool;

// Creates a pool in which `threads` threads run loops, the caller of the loop included: 1 creates
// no thread, 0 stands for the number of processors that this process may run on. At most 1024.
// On failure *pool is NULL.
cnnc_status cnnc_pool_create(int threads, cnnc_pool** pool);

// Ends the workers and frees the pool. No loop is running on it, and no context that uses it is
// used again. NULL is allowed.
void cnnc_pool_destroy(cnnc_pool* pool);

// The number of threads, the caller included; 1 for NULL.
int cnnc_pool_threads(const cnnc_pool* pool);

// Makes the loops of `context` run on `pool`; NULL makes them run on the calling thread again.
void cnnc_context_use_pool(cnnc_context* context, cnnc_pool* pool);

// ------------------------------------------------------------------------------------ profile

// What the kernels of a network took, for networks that were compiled with `cnnc --profile`; others
// leave the profile empty. A context with a profile serves one thread at a time.
typedef struct cnnc_kernel_time {
  const char* kernel;  // its name: "mnist_conv1_relu_pool1"
  int step;            // its position in the network
  uint64_t calls;
  uint64_t nanoseconds;  // of all calls together
} cnnc_kernel_time;

typedef struct cnnc_profile {
  cnnc_kernel_time* kernels;  // the caller's, in the order in which they first ended
  int capacity;
  int count;       // kernels that were seen
  uint64_t lost;   // calls of kernels for which there was no room
  uint64_t began;  // private
} cnnc_profile;

// Makes an empty profile with room for `capacity` kernels.
void cnnc_profile_init(cnnc_profile* profile, cnnc_kernel_time* kernels, int capacity);

// Makes calls with `context` add to `profile`; NULL ends that.
void cnnc_context_use_profile(cnnc_context* context, cnnc_profile* profile);

// ------------------------------------------------------------------------------------ weights

// Weights that are no part of the object lie in a file of their own, which the program reads or
// maps into memory at an address that is a multiple of 64. Numbers are little-endian:
//
//   byte  0  CNNC_WEIGHTS_MAGIC
//         8  the id of the shapes and places: the checksum of the table
//        16  the size of the file in bytes
//        24  the checksum of everything from byte 64 on
//        32  the size of the table in bytes
//        64  the table, a line of text for each tensor: its place, its size, its name and shape
//            then the tensors, each on a multiple of 64
#define CNNC_WEIGHTS_MAGIC UINT64_C(0x3153544857434e43)  // "CNCWHTS1"

// A 64-bit checksum of `bytes` bytes; the same on every machine. weights.c defines it.
uint64_t cnnc_weights_checksum(const void* blob, size_t bytes);

// Checks a file of weights before a network uses them; the header of the network says what is
// expected. It reads all of them, once.
// * CNNC_INVALID_ARGUMENT: `blob` is NULL.
// * CNNC_BAD_WEIGHTS: they are damaged, or those of another network.
// * CNNC_MISALIGNED: `blob` does not start on a multiple of 64 bytes.
cnnc_status cnnc_weights_check(const void* blob, size_t bytes, uint64_t expected_bytes,
                               uint64_t expected_id);

// ------------------------------------------------------------------- called by compiled networks

// Runs a loop the way `context` asks for; `context` is a const cnnc_context* or NULL, which means
// the calling thread. Contract and result are those of cnnc_parallel_for_hook; an extent of 0 or
// less is an empty loop.
int cnnc_parallel_for(void* context, cnnc_task task, int min, int extent, uint8_t* closure);

// CNNC_ABI_VERSION as the library was built with it; networks that are called without a context
// compare it with theirs.
uint32_t cnnc_abi_version(void);

// Reached when a check inside a kernel fails, in networks compiled with such checks. Returns
// CNNC_INTERNAL, which the kernel then returns.
int cnnc_kernel_check_failed(void* context);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // CNNC_RUNTIME_H
