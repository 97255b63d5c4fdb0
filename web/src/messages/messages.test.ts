import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { en } from './en';
import { ko } from './ko';

/** Every text of a language by its path; functions are called with a number for each of what they take. */
function texts(messages: unknown, path = ''): [string, string][] {
  if (typeof messages === 'string') return [[path, messages]];
  if (typeof messages === 'function') return [[path, String(messages(...Array(messages.length).fill('7')))]];
  return Object.entries(messages as object).flatMap(([key, value]) => texts(value, path ? `${path}.${key}` : key));
}

describe('messages', () => {
  it('are the same ones in both languages', () => {
    const paths = (messages: unknown) => texts(messages).map(([path]) => path);
    expect(paths(ko).sort()).toEqual(paths(en).sort());
  });

  it('are Korean in Korean, but for names, keys and code', () => {
    const left = texts(ko).flatMap(([path, text]) => {
      const words = text.match(/[A-Za-z]{2,}/g) ?? [];
      return words.filter((word) => !NAMES.has(word)).map((word) => `${path}: ${word}`);
    });
    expect(left).toEqual([]);
  });

  it('are each used by the page', () => {
    const { declared, used } = look();
    expect(declared.size).toBeGreaterThan(300);
    expect([...declared].filter(([node]) => !used.has(node)).map(([, name]) => name)).toEqual([]);
  }, 60_000);
});

/** What a Korean sentence has in Latin letters. */
const NAMES = new Set(
  [
    'deltarule dashboard CSV MiB NaN ReLU Glorot Xavier He tanh XOR ROC AUC Brier Enter Shift Esc Home End log',
    'config toml model safetensors train predict doctor report onnx',
  ]
    .join(' ')
    .split(' '),
);

/** The texts that are declared in English, and what the compiler finds the page to read of them. */
function look() {
  const messages = dirname(fileURLToPath(import.meta.url));
  const source = dirname(messages);
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.test.ts'))
    .map((file) => join(source, file));
  const { config } = ts.readConfigFile(join(source, '../tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, join(source, '..'));
  const program = ts.createProgram(files, options);
  const checker = program.getTypeChecker();

  const declared = new Map<ts.Node, string>();
  const declare = (node: ts.Node, path: string[]): void => {
    if (ts.isPropertyAssignment(node)) {
      const name = [...path, node.name.getText().replaceAll("'", '')];
      let value = node.initializer;
      while (ts.isAsExpression(value)) value = value.expression;
      if (ts.isObjectLiteralExpression(value)) ts.forEachChild(value, (one) => declare(one, name));
      else if (ts.isArrayLiteralExpression(value) && value.elements.some(ts.isObjectLiteralExpression)) {
        ts.forEachChild(value, (one) => ts.forEachChild(one, (inner) => declare(inner, name)));
      } else declared.set(node, name.join('.'));
    } else if (!ts.isShorthandPropertyAssignment(node)) ts.forEachChild(node, (one) => declare(one, path));
  };

  const used = new Set<ts.Node>();
  const use = (symbol: ts.Symbol | undefined) => {
    for (const node of symbol?.declarations ?? []) used.add(node);
  };
  const useAll = (type: ts.Type) => type.getProperties().forEach(use);
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) use(checker.getSymbolAtLocation(node.name));
    if (ts.isElementAccessExpression(node)) {
      const [of, key] = [node.expression, node.argumentExpression].map((one) => checker.getTypeAtLocation(one));
      const keys = key?.isUnion() ? key.types : key ? [key] : [];
      if (!of) return;
      // By a key that is known when the page is compiled, or by any.
      if (keys.every((one) => one.isStringLiteral())) {
        for (const one of keys) use(of.getProperty((one as ts.StringLiteralType).value));
      } else useRecord(node.expression, of);
    }
    if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
      use(checker.getTypeAtLocation(node.parent).getProperty((node.propertyName ?? node.name).getText()));
    }
    if (ts.isCallExpression(node) && /^Object\.(entries|keys|values)$/.test(node.expression.getText())) {
      const [of] = node.arguments;
      if (of) useRecord(of, checker.getTypeAtLocation(of));
    }
    ts.forEachChild(node, visit);
  };
  /** A table whose keys are only known at run time: all of it. Of a `Record` the compiler has forgotten what it holds. */
  const useRecord = (expression: ts.Expression, type: ts.Type) => {
    useAll(type);
    const table = checker.getSymbolAtLocation(ts.isPropertyAccessExpression(expression) ? expression.name : expression);
    for (const node of table?.declarations ?? []) {
      ts.forEachChild(node, function within(inner) {
        if (ts.isPropertyAssignment(inner)) used.add(inner);
        ts.forEachChild(inner, within);
      });
    }
  };

  for (const file of program.getSourceFiles()) {
    if (!file.fileName.startsWith(source)) continue;
    if (!file.fileName.startsWith(messages)) visit(file);
    else if (/\/(en|\w+\.en)\.ts$/.test(file.fileName)) declare(file, [basename(file.fileName, '.ts')]);
  }
  return { declared, used };
}
