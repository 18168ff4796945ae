import { pixelShape, type Sidecar, type SidecarInput } from '@d3/runtime';

/** The inputs that a sidecar makes from pictures or drawings, by name. */
export function pictureInputsOf(sidecar: Sidecar | undefined): ReadonlyMap<string, SidecarInput> {
  const inputs = sidecar?.inputs.filter(({ kind }) => kind !== 'tensor') ?? [];
  return new Map(inputs.map((input) => [input.name, input]));
}

/** What those inputs measure when they come as pixels. */
export function pixelShapes(pictures: ReadonlyMap<string, SidecarInput>): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const [name, input] of pictures) if (input.kind !== 'tensor') shapes.set(name, pixelShape(input));
  return shapes;
}
