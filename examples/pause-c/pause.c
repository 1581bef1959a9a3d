/* pause, in C: it does nothing until it is told to stop. As process 1 of a container or of a pod it
 * holds the namespaces open and buries the processes that lost their parents. The same program in
 * Go is examples/server/cmd/pause: compare the sizes. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#ifndef VERSION
#define VERSION "unversioned"
#endif

/* What the compiler was told, so that -v shows whom the program was built for. */
#define TEXT_OF(number) #number
#define TEXT(macro) TEXT_OF(macro)
#if defined(__x86_64__)
#define PLATFORM "linux/amd64"
#elif defined(__aarch64__)
#define PLATFORM "linux/arm64"
#elif defined(__arm__)
#define PLATFORM "linux/arm/v" TEXT(__ARM_ARCH)
#else
#define PLATFORM "linux"
#endif

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "-v") == 0) {
        struct utsname system;
        if (uname(&system) != 0) return 1;
        printf("pause %s %s (on %s %s)\n", VERSION, PLATFORM, system.sysname, system.release);
        return 0;
    }
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &awaited, NULL) != 0) {
        perror("pause: sigprocmask");
        return 1;
    }
    for (;;) {
        int number;
        /* One SIGCHLD may stand for many children. */
        if (sigwait(&awaited, &number) == 0 && number != SIGCHLD) return 0;
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}
