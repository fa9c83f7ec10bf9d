import type Docker from 'dockerode';
import type { Readable } from 'node:stream';
import { fullImageName } from '../../util/imageName.ts';
import { RuntimeError, type Image, type PullProgress, type RegistryAuth } from '../index.ts';
import { engineCall, runtimeError, tolerate } from './errors.ts';

/** The engine's images as they are: what the user built or pulled is there with no loading step. */
export async function imageStatus(docker: Docker, image: string): Promise<Image | undefined> {
  const info = await tolerate([404], () => docker.getImage(image).inspect());
  if (!info) return undefined;
  const user = info.Config?.User ?? '';
  const uid = /^\d+/.exec(user)?.[0];
  return {
    id: info.Id,
    tags: (info.RepoTags ?? []).filter((tag) => !tag.includes('<none>')).map(fullImageName),
    digests: (info.RepoDigests ?? []).filter((digest) => !digest.includes('<none>')).map(fullImageName),
    sizeBytes: info.Size,
    ...(uid !== undefined ? { uid: Number(uid) } : user ? { username: user.split(':')[0]! } : { uid: 0 }),
    volumes: Object.keys(info.Config?.Volumes ?? {}),
  };
}

export async function listImages(docker: Docker): Promise<Image[]> {
  const images = await engineCall(() => docker.listImages());
  return images.map((image) => ({
    id: image.Id,
    tags: (image.RepoTags ?? []).filter((tag) => !tag.includes('<none>')).map(fullImageName),
    digests: (image.RepoDigests ?? []).filter((digest) => !digest.includes('<none>')).map(fullImageName),
    sizeBytes: image.Size,
    volumes: [],
  }));
}

interface PullMessage {
  id?: string;
  status?: string;
  error?: string;
  progressDetail?: { current?: number; total?: number };
}

/** Pulls; resolves with the image's id. */
export async function pullImage(
  docker: Docker,
  image: string,
  auth: RegistryAuth | undefined,
  onProgress?: (progress: PullProgress) => void,
): Promise<string> {
  const authconfig = auth && {
    username: auth.username ?? '',
    password: auth.password ?? '',
    serveraddress: auth.serverAddress ?? '',
    ...(auth.identityToken ? { identitytoken: auth.identityToken } : {}),
  };
  let stream: Readable;
  try {
    stream = (await docker.pull(image, authconfig ? { authconfig } : {})) as Readable;
  } catch (error) {
    const failure = runtimeError(error);
    throw failure.code === 'unavailable' ? failure : new RuntimeError('pullFailed', failure.message);
  }
  const layers = new Map<string, { current: number; total: number }>();
  let failure: string | undefined;
  let rest = '';
  const take = (line: string) => {
    if (!line.trim()) return;
    const message = JSON.parse(line) as PullMessage;
    if (message.error) failure = message.error;
    const { id, progressDetail } = message;
    if (id && progressDetail?.total && message.status === 'Downloading')
      layers.set(id, { current: progressDetail.current ?? 0, total: progressDetail.total });
    const layer = id ? layers.get(id) : undefined;
    if (layer && (message.status === 'Download complete' || message.status === 'Pull complete')) layer.current = layer.total;
    if (!onProgress) return;
    let current = 0;
    let total = 0;
    for (const sizes of layers.values()) {
      current += sizes.current;
      total += sizes.total;
    }
    onProgress({ current, total, status: message.status ?? '' });
  };
  stream.setEncoding('utf8');
  try {
    for await (const chunk of stream) {
      const lines = (rest + (chunk as string)).split('\n');
      rest = lines.pop()!;
      lines.forEach(take);
    }
    take(rest);
  } catch (error) {
    throw runtimeError(error);
  }
  if (failure !== undefined) throw new RuntimeError('pullFailed', failure);
  const status = await imageStatus(docker, image);
  if (!status) throw new RuntimeError('pullFailed', `the engine pulled ${image} but does not have it`);
  return status.id;
}
