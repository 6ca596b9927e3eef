import type { Binaries } from './binaries.ts';
import type { Component } from './component.ts';
import { controlPlaneComponents } from './control-plane.ts';
import { nodeComponents } from './node-components.ts';
import { nodeNumbers, type Settings } from './settings.ts';
import { gateComponent } from './start-gate.ts';

/** In the order of their start. */
export const allComponents = (settings: Settings, binaries: Binaries): Component[] => [
  gateComponent(settings),
  ...controlPlaneComponents(settings, binaries),
  ...nodeNumbers(settings).flatMap((number) => nodeComponents(settings, binaries, number)),
];
