/* Preloaded into a process under test: counts what it does to the files below one folder, writes that down, and can end the
 * process with SIGKILL at the n-th such operation, before it or in the middle of a write.
 *
 * The trace is a sequence of records: kind (1 byte), path length (4), offset (8), data length (4), path, data.
 * Kinds: W write, T truncate, S sync, R rename (data is the new path), U unlink. SQLite's -shm is left out: it is memory.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char under[PATH_MAX];
static size_t under_length;
static long kill_at, done;
static int torn, trace = -1;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Begin: count operations below `folder`; end at the n-th (0: never). `trace_file` may be an open descriptor, or -1. */
void faults_arm(const char *folder, long n, int in_the_middle, int trace_file) {
    strncpy(under, folder, sizeof under - 1);
    under_length = strlen(under);
    kill_at = n;
    done = 0;
    torn = in_the_middle;
    trace = trace_file;
}

long faults_done(void) { return done; }

static int ours_path(const char *path) {
    size_t length = strlen(path);
    if (!under_length || strncmp(path, under, under_length)) return 0;
    return length < 4 || strcmp(path + length - 4, "-shm");
}

static int ours(int file, char *path) {
    char link[40];
    ssize_t length;
    if (!under_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return ours_path(path);
}

static void put(const void *data, size_t length) {
    const char *at = data;
    while (length) {
        ssize_t some = REAL(write)(trace, at, length);
        if (some < 0) abort();
        at += some;
        length -= some;
    }
}

static void record(char kind, const char *path, int64_t offset, const void *data, uint32_t length) {
    uint32_t path_length = strlen(path);
    if (trace < 0) return;
    put(&kind, 1);
    put(&path_length, 4);
    put(&offset, 8);
    put(&length, 4);
    put(path, path_length);
    put(data, length);
}

static int due(void) { return ++done == kill_at; }

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static ssize_t write_at(int file, const void *data, size_t length, off_t offset, const char *path) {
    ssize_t result;
    pthread_mutex_lock(&turn);
    if (due()) {
        if (torn) (void)!REAL(pwrite)(file, data, length / 2, offset);
        end();
    }
    result = REAL(pwrite)(file, data, length, offset);
    if (result > 0) record('W', path, offset, data, result);
    pthread_mutex_unlock(&turn);
    return result;
}

ssize_t pwrite(int file, const void *data, size_t length, off_t offset) {
    char path[PATH_MAX];
    if (!ours(file, path)) return REAL(pwrite)(file, data, length, offset);
    return write_at(file, data, length, offset, path);
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset) {
    return pwrite(file, data, length, offset);
}

ssize_t write(int file, const void *data, size_t length) {
    char path[PATH_MAX];
    ssize_t result;
    off_t at;
    if (!ours(file, path)) return REAL(write)(file, data, length);
    pthread_mutex_lock(&turn);
    if (due()) {
        if (torn) (void)!REAL(write)(file, data, length / 2);
        end();
    }
    result = REAL(write)(file, data, length);
    at = lseek(file, 0, SEEK_CUR);
    if (result > 0) record('W', path, at - result, data, result);
    pthread_mutex_unlock(&turn);
    return result;
}

/* A sync is written down, and not done: neither a killed process nor a power cut that is worked out from the trace needs it. */
static int sync_with(int file, int (*real)(int)) {
    char path[PATH_MAX];
    if (!ours(file, path)) return real(file);
    pthread_mutex_lock(&turn);
    if (due()) end();
    record('S', path, 0, "", 0);
    pthread_mutex_unlock(&turn);
    return 0;
}

int fsync(int file) { return sync_with(file, REAL(fsync)); }
int fdatasync(int file) { return sync_with(file, REAL(fdatasync)); }

int ftruncate(int file, off_t length) {
    char path[PATH_MAX];
    int result;
    if (!ours(file, path)) return REAL(ftruncate)(file, length);
    pthread_mutex_lock(&turn);
    if (due()) end();
    result = REAL(ftruncate)(file, length);
    if (!result) record('T', path, length, "", 0);
    pthread_mutex_unlock(&turn);
    return result;
}

int ftruncate64(int file, off64_t length) { return ftruncate(file, length); }

static void whole(const char *path, char *found) {
    if (path[0] == '/' || !getcwd(found, PATH_MAX / 2)) {
        strncpy(found, path, PATH_MAX - 1);
        return;
    }
    strncat(found, "/", 2);
    strncat(found, path, PATH_MAX / 2 - 1);
}

int rename(const char *old, const char *new) {
    char from[PATH_MAX] = "", to[PATH_MAX] = "";
    int result;
    whole(old, from);
    whole(new, to);
    if (!ours_path(from) && !ours_path(to)) return REAL(rename)(old, new);
    pthread_mutex_lock(&turn);
    if (due()) end();
    result = REAL(rename)(old, new);
    if (!result) record('R', from, 0, to, strlen(to));
    pthread_mutex_unlock(&turn);
    return result;
}

int unlink(const char *name) {
    char path[PATH_MAX] = "";
    int result;
    whole(name, path);
    if (!ours_path(path)) return REAL(unlink)(name);
    pthread_mutex_lock(&turn);
    if (due()) end();
    result = REAL(unlink)(name);
    if (!result) record('U', path, 0, "", 0);
    pthread_mutex_unlock(&turn);
    return result;
}
