/** Versions of the CNI specification whose results are lists of interfaces, addresses and routes. */
export const cniVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

export type CniVersion = (typeof cniVersions)[number];

export const isCniVersion = (text: string): text is CniVersion => cniVersions.includes(text as CniVersion);

export const atLeast = (version: CniVersion, other: CniVersion): boolean =>
  cniVersions.indexOf(version) >= cniVersions.indexOf(other);
