export * from '../src/client/form.ts'
