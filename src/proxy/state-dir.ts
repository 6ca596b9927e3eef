import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../lib/fault.ts';

/** A state directory that no other process uses until this is closed or this process ends, however it ends. */
export interface StateDir extends AsyncDisposable {
  readonly path: string;
  close(): Promise<void>;
}

/**
 * Makes the directory (mode 0700) if need be and takes its lock. The lock is flock(2) on `lock` in it, taken for us by the
 * flock command: it belongs to the open file, which we share with that command and which the kernel closes when we die.
 * @throws Fault STATE_DIR_IN_USE, STATE_DIR_OPEN (others may write to it), STATE_DIR_UNUSABLE
 */
export async function lockStateDir(path: string): Promise<StateDir> {
  let file: FileHandle;
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const { mode, uid } = await stat(path);
    if ((mode & 0o022) !== 0 || (uid !== process.geteuid?.() && uid !== 0)) {
      throw new Fault('STATE_DIR_OPEN', `the state directory ${path} can be written by other users`, {
        hint: `chmod 700 ${path}, or choose another directory`,
      });
    }
    file = await open(join(path, 'lock'), 'a+', 0o600);
  } catch (error) {
    throw Fault.from(error, 'STATE_DIR_UNUSABLE', `state directory ${path}`, 'choose another directory');
  }
  try {
    const code = await flock(file.fd);
    if (code === 1) {
      const holder = (await file.readFile('utf8')).trim();
      throw new Fault(
        'STATE_DIR_IN_USE',
        `the state directory ${path} is used by another sluice${holder && `, process ${holder}`}`,
        {
          hint: 'stop that one, or choose another state directory',
        },
      );
    }
    if (code !== 0) throw new Error(`flock: exit status ${code}`);
    await file.truncate();
    await file.write(`${process.pid}\n`);
  } catch (error) {
    await file.close();
    throw Fault.from(error, 'STATE_DIR_UNUSABLE', `state directory ${path}`, 'is util-linux (flock) installed?');
  }
  let open_ = true;
  const close = async (): Promise<void> => {
    if (!open_) return;
    open_ = false;
    await file.close();
  };
  return { path, close, [Symbol.asyncDispose]: close };
}

async function flock(fd: number): Promise<number | null> {
  const child = spawn('flock', ['--exclusive', '--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}
