"""System calls by name: which a program may make, and their numbers on each machine.

Reads: nothing.  Gives: numbers(), the allowed calls of one machine.
Depends on: the standard library.  Knows nothing of filters.
Sources: the kernel's asm/unistd_64.h and asm-generic/unistd.h (6.1); a call that one machine lacks
has one number only, that of x86_64.

The list names what is allowed: a call that a future kernel brings is refused until someone has
thought about it.  Left out on purpose: ptrace and its kin, mounts, namespaces, io_uring, bpf,
perf events, userfaultfd, keys, file handles, System V and POSIX message queues, memfd (memory that
no limit counts), extended attributes that are written, clocks that are set, Landlock and seccomp.
"""

from __future__ import annotations

from typing import Final

AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What seccomp calls each supported machine (linux/audit.h)."""

FIRST_MODERN: Final = 424
"""From this number on, machines share their numbers; a C library asks for these and falls back."""

_PROGRAM: Final = """
read:0:63 write:1:64 readv:19:65 writev:20:66 pread64:17:67 pwrite64:18:68 preadv:295:69
pwritev:296:70 preadv2:327:286 pwritev2:328:287 open:2 openat:257:56 openat2:437:437 close:3:57
close_range:436:436 creat:85 stat:4 fstat:5:80 lstat:6 newfstatat:262:79 statx:332:291 access:21
faccessat:269:48 faccessat2:439:439 lseek:8:62 mmap:9:222 mprotect:10:226 munmap:11:215
mremap:25:216 madvise:28:233 brk:12:214 mlock:149:228 mlock2:325:284 munlock:150:229
msync:26:227 mincore:27:232 rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139
rt_sigsuspend:130:133 rt_sigpending:127:136 rt_sigtimedwait:128:137 rt_sigqueueinfo:129:138
rt_tgsigqueueinfo:297:240 sigaltstack:131:132 ioctl:16:29 pipe:22 pipe2:293:59 select:23
pselect6:270:72 poll:7 ppoll:271:73 epoll_create:213 epoll_create1:291:20 epoll_ctl:233:21
epoll_wait:232 epoll_pwait:281:22 epoll_pwait2:441:441 dup:32:23 dup2:33 dup3:292:24 pause:34
nanosleep:35:101 clock_nanosleep:230:115 clock_gettime:228:113 clock_getres:229:114
gettimeofday:96:169 time:201 times:100:153 getitimer:36:102 setitimer:38:103 alarm:37
timer_create:222:107 timer_settime:223:110 timer_gettime:224:108 timer_getoverrun:225:109
timer_delete:226:111 timerfd_create:283:85 timerfd_settime:286:86 timerfd_gettime:287:87
eventfd:284 eventfd2:290:19 signalfd:282 signalfd4:289:74 getpid:39:172 getppid:110:173
gettid:186:178 getuid:102:174 geteuid:107:175 getgid:104:176 getegid:108:177 getgroups:115:158
getresuid:118:148 getresgid:120:150 setuid:105:146 setgid:106:144 setreuid:113:145
setregid:114:143 setresuid:117:147 setresgid:119:149 setfsuid:122:151 setfsgid:123:152
getpgrp:111 getpgid:121:155 setpgid:109:154 getsid:124:156 setsid:112:157 fork:57 vfork:58
clone:56:220 execve:59:221 execveat:322:281 exit:60:93 exit_group:231:94 wait4:61:260
waitid:247:95 kill:62:129 tkill:200:130 tgkill:234:131 uname:63:160 fcntl:72:25 flock:73:32
fsync:74:82 fdatasync:75:83 sync_file_range:277:84 truncate:76:45 ftruncate:77:46 getdents:78
getdents64:217:61 getcwd:79:17 chdir:80:49 fchdir:81:50 rename:82 renameat:264:38
renameat2:316:276 mkdir:83 mkdirat:258:34 rmdir:84 link:86 linkat:265:37 unlink:87
unlinkat:263:35 symlink:88 symlinkat:266:36 readlink:89 readlinkat:267:78 chmod:90 fchmod:91:52
fchmodat:268:53 fchmodat2:452:452 chown:92 fchown:93:55 lchown:94 fchownat:260:54 umask:95:166
utime:132 utimes:235 utimensat:280:88 futimesat:261 statfs:137:43 fstatfs:138:44 getxattr:191:8
lgetxattr:192:9 fgetxattr:193:10 listxattr:194:11 llistxattr:195:12 flistxattr:196:13
getrlimit:97:163 setrlimit:160:164 prlimit64:302:261 getrusage:98:165 sysinfo:99:179
getcpu:309:168 sched_yield:24:124 sched_getaffinity:204:123 sched_setaffinity:203:122
sched_getparam:143:121 sched_setparam:142:118 sched_getscheduler:145:120
sched_setscheduler:144:119 sched_getattr:315:275 sched_get_priority_max:146:125
sched_get_priority_min:147:126 sched_rr_get_interval:148:127 getpriority:140:141
setpriority:141:140 prctl:157:167 arch_prctl:158 set_tid_address:218:96 set_robust_list:273:99
get_robust_list:274:100 futex:202:98 futex_waitv:449:449 rseq:334:293 membarrier:324:283
getrandom:318:278 sendfile:40:71 splice:275:76 tee:276:77 copy_file_range:326:285
fallocate:285:47 fadvise64:221:223 readahead:187:213 inotify_init:253 inotify_init1:294:26
inotify_add_watch:254:27 inotify_rm_watch:255:28 socketpair:53:199 socket:41:198 bind:49:200
listen:50:201 accept:43:202 accept4:288:242 connect:42:203 shutdown:48:210 sendto:44:206
recvfrom:45:207 sendmsg:46:211 recvmsg:47:212 sendmmsg:307:269 recvmmsg:299:243
getsockname:51:204 getpeername:52:205 setsockopt:54:208 getsockopt:55:209 mknod:133
mknodat:259:33 restart_syscall:219:128 pidfd_open:434:434 pidfd_send_signal:424:424
capget:125:90 personality:135:92
"""

_ZYGOTE: Final = """
unshare:272:97 setns:308:268 mount:165:40 umount2:166:39 capset:126:91 memfd_create:319:279
seccomp:317:277
"""


def _parse(table: str, machine: str) -> dict[str, int]:
    column = 1 if machine == "x86_64" else -1
    found = {}
    for entry in table.split():
        parts = entry.split(":")
        if column == 1 or len(parts) == 3:
            found[parts[0]] = int(parts[column])
    return found


def program_calls(machine: str) -> dict[str, int]:
    """Name -> number of every call that a program may make on `machine`."""
    return _parse(_PROGRAM, machine)


def zygote_calls(machine: str) -> dict[str, int]:
    """Name -> number of the calls that only the zygote may make, to build each jail."""
    return _parse(_ZYGOTE, machine)
