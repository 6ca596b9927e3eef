import { chmodSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { Fault } from '../lib/fault.ts';

/** Bytes that a Unix socket's address holds, without the terminating zero (`sun_path`, unix(7)). */
const maxPath = 107;

/**
 * Makes a Unix socket at `path` that only we may connect to (mode 0600), replacing a dead one. `listen` binds the path that
 * it is given: a temporary one in a directory of mode 0700, moved into place once its mode is right, so there is no moment
 * at which others could connect. A missing parent directory is created with mode 0700; the mode of one that exists is its
 * owner's business. Returns how to remove the socket.
 */
export async function privateSocket(path: string, listen: (path: string) => Promise<void>): Promise<() => void> {
  const parent = dirname(path);
  try {
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    await checkFree(path);
    const work = mkdtempSync(join(parent, '.x'));
    try {
      const fresh = join(work, 's');
      if (Math.max(Buffer.byteLength(fresh), Buffer.byteLength(path)) > maxPath) {
        throw new Fault('XDS_SOCKET_PATH', `unix socket ${path}: the path is too long`, {
          hint: `Use a directory of at most ${maxPath - 11} bytes.`,
        });
      }
      await listen(fresh);
      chmodSync(fresh, 0o600);
      renameSync(fresh, path);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  } catch (cause) {
    throw Fault.from(
      cause,
      'XDS_SOCKET',
      `unix socket ${path}`,
      'Name a path in a directory that this user may write.',
    );
  }
  const { ino, dev } = lstatSync(path);
  return () => {
    const now = lstatSync(path, { throwIfNoEntry: false });
    // Another process may have taken the path over since.
    if (now?.ino === ino && now.dev === dev) rmSync(path, { force: true });
  };
}

async function checkFree(path: string): Promise<void> {
  const present = lstatSync(path, { throwIfNoEntry: false });
  if (present === undefined) return;
  if (!present.isSocket()) {
    throw new Fault('XDS_SOCKET_PATH', `unix socket ${path}: something that is not a socket is there`, {
      hint: 'Name another path, or remove what is there.',
    });
  }
  if (await answers(path)) {
    throw new Fault('XDS_SOCKET_IN_USE', `unix socket ${path}: another process serves it`, {
      hint: 'Stop that process, or name another path.',
    });
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
