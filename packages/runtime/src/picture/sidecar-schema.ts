import { type TSchema, Type } from 'typebox';
import { Check, Errors } from 'typebox/value';
import type { SidecarInput, SidecarOutput } from './types.ts';

const STRICT = { additionalProperties: false } as const;
const name = Type.String({ minLength: 1, maxLength: 1024 });
const side = Type.Integer({ minimum: 1, maximum: 16_384 });
const layout = Type.Union([Type.Literal('NCHW'), Type.Literal('NHWC')]);
const range = Type.Tuple([Type.Number(), Type.Number()]);
const perChannel = Type.Array(Type.Number(), { minItems: 1, maxItems: 3 });
const color = Type.Union([Type.Literal('RGB'), Type.Literal('BGR'), Type.Literal('gray'), Type.Literal('luma')]);
const tone = Type.Union([Type.Literal('white'), Type.Literal('black')]);
const plain = Type.Object({ name, kind: Type.Literal('tensor') }, STRICT);

const image = Type.Object(
  {
    name,
    kind: Type.Literal('image'),
    layout,
    width: side,
    height: side,
    color,
    range,
    mean: Type.Optional(perChannel),
    std: Type.Optional(perChannel),
    resize: Type.Optional(
      Type.Object(
        {
          fit: Type.Union([Type.Literal('cover'), Type.Literal('contain'), Type.Literal('stretch')]),
          filter: Type.Union([Type.Literal('bilinear'), Type.Literal('nearest')]),
        },
        STRICT,
      ),
    ),
    alpha: Type.Optional(tone),
  },
  STRICT,
);

const sketch = Type.Object(
  {
    name,
    kind: Type.Literal('sketch'),
    layout,
    width: side,
    height: side,
    color: Type.Literal('gray'),
    range,
    mean: Type.Optional(perChannel),
    std: Type.Optional(perChannel),
    ink: tone,
    fit: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
    penPixels: Type.Number({ exclusiveMinimum: 0, maximum: 1024 }),
  },
  STRICT,
);

const classes = Type.Object(
  {
    name,
    kind: Type.Literal('classes'),
    scores: Type.Union([Type.Literal('probabilities'), Type.Literal('logits')]),
    labels: Type.Union([name, Type.Array(Type.String({ maxLength: 1024 }), { maxItems: 1 << 20 })]),
    minimumProbability: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  },
  STRICT,
);

const imageOutput = Type.Object({ name, kind: Type.Literal('image'), color, range }, STRICT);

/** One schema for each kind, so that a problem is told of the kind that was meant. */
const inputKinds = { image, sketch, tensor: plain } as const;
const outputKinds = { classes, image: imageOutput, tensor: plain } as const;

const ANY_KIND = Type.Array(Type.Object({ kind: Type.String() }), { maxItems: 1024 });
const frame = Type.Object({ format: Type.Literal(1), model: name, inputs: ANY_KIND, outputs: ANY_KIND }, STRICT);

type MayLeaveOut<Entry, Keys extends keyof Entry> = Entry extends unknown
  ? Omit<Entry, Keys> & Partial<Pick<Entry, Keys>>
  : never;
type ImageInput = Extract<SidecarInput, { kind: 'image' }>;
type SketchInput = Extract<SidecarInput, { kind: 'sketch' }>;
type ClassesOutput = Extract<SidecarOutput, { kind: 'classes' }>;

/** An input as the file has it. */
export type RawInput =
  | MayLeaveOut<ImageInput, 'mean' | 'std' | 'resize' | 'alpha'>
  | MayLeaveOut<SketchInput, 'mean' | 'std'>
  | Extract<SidecarInput, { kind: 'tensor' }>;

/** An output as the file has it: labels may be in a file of their own. */
export type RawOutput =
  | (Omit<ClassesOutput, 'labels'> & { readonly labels: string | readonly string[] })
  | Exclude<SidecarOutput, ClassesOutput>;

/** A `MODEL.d3.json` of the right form; not yet checked against a model. */
export interface RawSidecar {
  readonly format: 1;
  readonly model: string;
  readonly inputs: readonly RawInput[];
  readonly outputs: readonly RawOutput[];
}

/** The first thing that is wrong with a file's form. */
export interface FormProblem {
  readonly place: string;
  readonly reason: string;
}

/** The value itself, typed, or what is wrong with it. */
export function checkForm(value: unknown): RawSidecar | FormProblem {
  if (!Check(frame, value)) return problemOf(frame, value, '');
  for (const [list, kinds] of [
    ['inputs', inputKinds],
    ['outputs', outputKinds],
  ] as const) {
    for (const [index, entry] of value[list].entries()) {
      const place = `/${list}/${index}`;
      const schema: TSchema | undefined = new Map<string, TSchema>(Object.entries(kinds)).get(entry.kind);
      if (schema === undefined) {
        return { place: `${place}/kind`, reason: `'${entry.kind}' must be one of ${Object.keys(kinds).join(', ')}` };
      }
      if (!Check(schema, entry)) return problemOf(schema, entry, place);
    }
  }
  return value as unknown as RawSidecar;
}

function problemOf(schema: TSchema, value: unknown, place: string): FormProblem {
  const errors = Errors(schema, value);
  const first = errors[0];
  const here = errors.filter((error) => error.instancePath === first?.instancePath);
  const choices = here.flatMap((error) => (error.keyword === 'const' ? [String(error.params.allowedValue)] : []));
  return { place: `${place}${first?.instancePath ?? ''}` || '/', reason: reasonOf(first?.message, choices) };
}

function reasonOf(message: string | undefined, choices: readonly string[]): string {
  if (choices.length > 0) return `must be ${choices.join(' or ')}`;
  if (message === 'schema is false') return 'is not a known property';
  return message ?? 'is not valid';
}
