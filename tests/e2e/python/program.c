/* SPDX-License-Identifier: Apache-2.0 */
/* Sends argv[3] to the key argv[2] of the URL argv[1], as a C program would. */
#include <stdio.h>
#include <string.h>

#include "shoal/uploader_c.h"

static int complain(shoal_error* error) {
  if (error == NULL) return 0;
  fprintf(stderr, "%s\n", shoal_error_text(error));
  shoal_error_free(error);
  return 1;
}

int main(int argc, char** argv) {
  shoal_uploader_options options;
  shoal_uploader* uploader = NULL;
  shoal_upload* upload = NULL;
  shoal_uploaded uploaded;
  int failed;
  if (argc != 4) return 2;
  memset(&options, 0, sizeof options);
  options.struct_bytes = sizeof options;
  options.retry_for_s = 10;
  if (complain(shoal_uploader_open(argv[1], &options, &uploader))) return 1;
  memset(&uploaded, 0, sizeof uploaded);
  uploaded.struct_bytes = sizeof uploaded;
  failed = complain(shoal_uploader_put_object(uploader, argv[2], argv[3], strlen(argv[3]), NULL,
                                              &upload)) ||
           complain(shoal_upload_result(upload, &uploaded));
  if (!failed) printf("%s has ETag %s\n", uploaded.key, uploaded.etag);
  shoal_upload_free(upload);
  shoal_uploader_close(uploader);
  return failed;
}
