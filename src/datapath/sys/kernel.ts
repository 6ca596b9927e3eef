import { Fault } from '../../lib/fault.ts';
import { Errno, type Kernel } from './kernel-calls.ts';

/** Linux numbers (bits/socket_type.h, bits/socket.h). */
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/**
 * The real kernel, through the C library. The only place that touches koffi, and only when somebody needs the kernel: a
 * node without addresses of its own runs without.
 * @throws Fault KERNEL_CALLS where koffi or the C library cannot be loaded
 */
export async function openKernel(): Promise<Kernel> {
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load('libc.so.6');
    const call = (prototype: string, name: string) => {
      const native = libc.func(prototype) as (...args: unknown[]) => number | bigint;
      return (...args: unknown[]): number => {
        const result = Number(native(...args));
        if (result === -1) throw new Errno(name, koffi.errno());
        return result;
      };
    };
    const socket = call('int socket(int domain, int type, int protocol)', 'socket');
    const bind = call('int bind(int fd, const uint8_t *address, uint32_t length)', 'bind');
    const setsockopt = call(
      'int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)',
      'setsockopt',
    );
    const sendPrototype = 'intptr_t send(int fd, const uint8_t *message, size_t length, int flags)';
    const send = call(sendPrototype, 'send');
    const { async: sendAside } = libc.func(sendPrototype);
    const recv = call('intptr_t recv(int fd, _Out_ uint8_t *buffer, size_t length, int flags)', 'recv');
    const close = call('int close(int fd)', 'close');
    const mount = call(
      'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
      'mount',
    );
    const mmap = libc.func(
      'void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
    );
    const munmap = call('int munmap(void * address, size_t length)', 'munmap');
    const setns = call('int setns(int fd, int kind)', 'setns');
    const unshare = call('int unshare(int kind)', 'unshare');
    return {
      socket: (domain, type, protocol) => socket(domain, type | SOCK_CLOEXEC, protocol),
      bind: (fd, address) => void bind(fd, address, address.length),
      setsockopt: (fd, level, name, value) => void setsockopt(fd, level, name, value, value.length),
      send: (fd, message) => void send(fd, message, message.length, MSG_DONTWAIT),
      sendAside: (fd, message) =>
        new Promise((done, failed) => {
          sendAside(fd, message, message.length, MSG_DONTWAIT, (error: unknown, result: number | bigint) => {
            if (error) failed(error as Error);
            else if (Number(result) === -1) failed(new Errno('send', koffi.errno()));
            else done();
          });
        }),
      recv: (fd, buffer) => recv(fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC),
      close: (fd) => void close(fd),
      poll: (fd, onReadable) => {
        const handle = koffi.node.poll(fd, { readable: true }, onReadable);
        handle.unref();
        return handle;
      },
      mount: (source, target, type) => void mount(source, target, type, 0, null),
      map: (fd, offset, length, writable) => {
        const address = mmap(
          null,
          length,
          writable ? PROT_READ | PROT_WRITE : PROT_READ,
          MAP_SHARED,
          fd,
          offset,
        ) as bigint;
        if (BigInt.asIntN(64, address) === -1n) throw new Errno('mmap', koffi.errno());
        return { memory: koffi.view(address, length), unmap: () => void munmap(address, length) };
      },
      setns: (fd, kind) => void setns(fd, kind),
      unshare: (kind) => void unshare(kind),
    };
  } catch (error) {
    const hint = 'addresses of load balancers need a Linux with glibc';
    throw Fault.from(error, 'KERNEL_CALLS', 'load the C library', hint);
  }
}
