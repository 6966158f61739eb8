/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SHOAL_UPLOADER_C_H
#define SHOAL_UPLOADER_C_H

#include <stddef.h>
#include <stdint.h>

/* The write side (shoal/uploader.h) for C, and for every language that can call C. Link with
 * -lshoal_uploader.
 *
 *   shoal_uploader* uploader = NULL;
 *   shoal_error* error = shoal_uploader_open("s3://models/run-7", NULL, &uploader);
 *   shoal_upload* upload = NULL;
 *   if (!error) error = shoal_uploader_put_object_from_file(uploader, "model.ckpt-100",
 *                                                           "/tmp/model.ckpt-100", NULL, &upload);
 *   if (!error) { train_on(); error = shoal_upload_result(upload, NULL); }   (waits)
 *   if (error) fprintf(stderr, "%s\n", shoal_error_text(error));
 *   shoal_error_free(error);
 *   shoal_upload_free(upload);
 *   shoal_uploader_close(uploader);
 *
 * Errors. A function that can fail returns NULL for success, or an error that the caller owns and
 * frees. Results are written only on success. Codes are those of shoal/error.h.
 *
 * Ownership. Arguments are copied or finished with before a call returns. Handles are the caller's:
 * an uploader is closed once, an upload freed once, in any order; an upload stays usable after its
 * uploader was closed. The free and close functions accept NULL; all others need a handle.
 *
 * Threads. Every function may be called from any thread at the same time, on the same handle too,
 * but for closing and freeing: that call must be the last one on its handle. A process that was
 * forked must not use a handle of its parent.
 *
 * Strings are bytes that end with NUL; paths and keys need not be UTF-8. No C++ exception leaves a
 * function. Errors as in shoal/uploader.h, which says what each call promises. */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct shoal_uploader shoal_uploader; /* an open journal and its threads */
typedef struct shoal_upload shoal_upload;     /* one piece of work that was accepted */
typedef struct shoal_error shoal_error;       /* why something failed */

enum {
  SHOAL_NOT_FOUND = 1,
  SHOAL_PRECONDITION = 2,
  SHOAL_PERMISSION = 3,
  SHOAL_THROTTLED = 4,
  SHOAL_TIMEOUT = 5,
  SHOAL_UNAVAILABLE = 6,
  SHOAL_CORRUPT = 7,
  SHOAL_NO_SPACE = 8,
  SHOAL_LIMIT = 9,
  SHOAL_CANCELED = 10,
  SHOAL_BAD_INPUT = 11,
  SHOAL_UNSUPPORTED = 12,
  SHOAL_IO = 13,
  SHOAL_CLOSED = 14,
  SHOAL_BUG = 15
};

/* ---- errors: immutable; the texts live as long as the error */

int shoal_error_code(const shoal_error* error);            /* SHOAL_NOT_FOUND, ... */
const char* shoal_error_name(const shoal_error* error);    /* "not_found", ... */
const char* shoal_error_message(const shoal_error* error); /* what failed, on what and why */
const char* shoal_error_remedy(const shoal_error* error);  /* what to do; may be "" */
const char* shoal_error_text(const shoal_error* error);    /* all of it in one line */
void shoal_error_free(shoal_error* error);

/* ---- opening and closing */

enum { SHOAL_POWER_LOSS = 0, SHOAL_PROCESS_DEATH = 1 }; /* durability */

/* Set all to zero and struct_bytes to sizeof(shoal_uploader_options): zero and NULL mean the
 * default of shoal/uploader.h. Members are only ever added at the end; a caller compiled against an
 * older header goes on working. */
typedef struct shoal_uploader_options {
  size_t struct_bytes;
  const char* endpoint;
  const char* region;
  const char* profile;
  const char* credentials_file;
  const char* addressing; /* "auto", "virtual", "path" or "cname" */
  const char* signature;  /* "v4" or "v1" */
  int no_sign_request;    /* not 0: anonymous */
  int durability;
  const char* journal; /* directory; NULL: one of this bucket's below $SHOAL_STATE */
  uint64_t memory_bytes_max;
  uint64_t journal_bytes_max;
  uint64_t pending_max;
  uint64_t accept_timeout_ms;
  uint64_t requests_in_flight_max;
  double requests_per_second_max;
  double bytes_per_second_max;
  uint64_t part_bytes;
  uint64_t single_put_bytes_max;
  uint64_t retry_for_s; /* 0: the default; SHOAL_FOR_EVER */
} shoal_uploader_options;

#define SHOAL_FOR_EVER UINT64_MAX

/* Opens the journal and goes on with what it holds. `options` may be NULL. */
shoal_error* shoal_uploader_open(const char* url, const shoal_uploader_options* options,
                                 shoal_uploader** uploader);
/* Gives up what is under way and keeps it in the journal; shoal_uploader_flush() first to wait. */
void shoal_uploader_close(shoal_uploader* uploader);

/* ---- work. On success `*upload` is the caller's. `upload` may be NULL: the outcome is then seen
 * by shoal_uploader_flush() alone. Blocks while the journal is full. */

typedef struct shoal_put_options {
  size_t struct_bytes; /* sizeof(shoal_put_options); the rest zero for the defaults */
  int no_clobber;
  const char* if_match; /* an ETag */
  const char* content_type;
  int copy; /* put_object_from_file: take a copy first, the file may change afterwards */
} shoal_put_options;

#define SHOAL_AT_END UINT64_MAX

shoal_error* shoal_uploader_put_object(shoal_uploader* uploader, const char* key, const void* bytes,
                                       size_t byte_count, const shoal_put_options* options,
                                       shoal_upload** upload);
shoal_error* shoal_uploader_put_object_from_file(shoal_uploader* uploader, const char* key,
                                                 const char* file, const shoal_put_options* options,
                                                 shoal_upload** upload);
/* `position`: the object's size, or SHOAL_AT_END. OSS only. */
shoal_error* shoal_uploader_append_object(shoal_uploader* uploader, const char* key,
                                          uint64_t position, const void* bytes, size_t byte_count,
                                          shoal_upload** upload);
shoal_error* shoal_uploader_remove_object(shoal_uploader* uploader, const char* key,
                                          shoal_upload** upload);

/* ---- outcomes */

/* Waits until the outcome is there; `timeout_ms` below 0: as long as it takes. 1: it is there, 0:
 * the time has passed. */
int shoal_upload_wait(const shoal_upload* upload, int64_t timeout_ms);
int shoal_upload_is_ready(const shoal_upload* upload);

typedef struct shoal_uploaded {
  size_t struct_bytes; /* set by the caller to sizeof(shoal_uploaded) */
  const char* key;     /* whole, with the URL's prefix; lives as long as the upload */
  const char* etag;    /* likewise */
  uint64_t bytes;
  uint64_t next_position; /* append: size of the object afterwards */
  int was_there;          /* sent by an earlier process that died before it could note it */
} shoal_uploaded;

/* Waits for the outcome. NULL: the bucket has it, and `*uploaded` (unless NULL) is filled. Every
 * call on a failed upload returns an error of its own. */
shoal_error* shoal_upload_result(const shoal_upload* upload, shoal_uploaded* uploaded);
/* Gives up the handle, not the work. */
void shoal_upload_free(shoal_upload* upload);

/* ---- the whole */

/* Waits until everything accepted before the call has an outcome, at most `timeout_ms` (below 0: as
 * long as it takes). Fails with the first error that no flush has returned yet, or SHOAL_TIMEOUT.
 */
shoal_error* shoal_uploader_flush(shoal_uploader* uploader, int64_t timeout_ms);

typedef struct shoal_uploader_stats {
  size_t struct_bytes; /* set by the caller to sizeof(shoal_uploader_stats) */
  uint64_t accepted;
  uint64_t recovered;
  uint64_t pending;
  uint64_t pending_bytes;
  uint64_t waiting;
  uint64_t sent;
  uint64_t sent_bytes;
  uint64_t found_there;
  uint64_t refused;
  uint64_t wire_bytes;
  uint64_t requests;
  uint64_t parts_resumed;
  uint64_t changed_files;
  uint64_t retries;
  uint64_t throttled;
  uint64_t memory_bytes;
  uint64_t journal_bytes;
} shoal_uploader_stats;

/* Fills the members that struct_bytes covers. */
shoal_error* shoal_uploader_get_stats(const shoal_uploader* uploader, shoal_uploader_stats* stats);
/* Live as long as the uploader. */
const char* shoal_uploader_url(const shoal_uploader* uploader);
const char* shoal_uploader_journal(const shoal_uploader* uploader);

#ifdef __cplusplus
}
#endif

#endif
